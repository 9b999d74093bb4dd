"""Settles where each live item stands, from stored predictions alone.  `catalog route`"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import polars as pl

from catalog.certification.policy import Policy
from catalog.jobs import Job, digest, note_left, now
from catalog.placement import audit_shares, draws, ledger, look_alikes, move_limit, routing
from catalog.placement.rules import Standing, guards, with_rules
from catalog.placement.switch import CODE, SENTENCE, switched_off
from catalog.placement.taking_back import placed_in, take_back
from catalog.placement.vendor_categories import with_conflicts
from catalog.store import Params, quoted
from catalog.taxonomies.category_moves import model_translation, standing_now
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import latest_taxonomy
from pipelines import rules

# One row per live item whose outcome may have changed: its content, its decision, the model, the policy or the
# taxonomy is not what its latest route was settled with, or somebody wanted it judged anew. Members of one product are settled together.
DUE = """
    WITH now_at AS (
        SELECT l.vendor, l.item_id, l.row_hash, l.input_hash, l.product_id, coalesce(r.seq <= a.route_seq, false) AS reclassified,
               coalesce(d.decision_id, s.decision_id) AS decision_id, coalesce(d.category_id, s.category_id) AS decided_category,
               CASE WHEN d.decision_id IS NULL AND s.decision_id IS NOT NULL THEN 'category' ELSE d.verdict END AS decided_verdict,
               coalesce(d.source, s.source) AS decided_source,
               CASE WHEN d.decision_id IS NULL AND s.decision_id IS NOT NULL THEN l.input_hash ELSE d.input_hash END
                   AS decided_input_hash,
               d.decision_id IS NULL AND s.decision_id IS NOT NULL AS through_product, p.model_id,
               d.verdict AS said_verdict, d.note AS said_note, r.seq AS standing_seq,
               -- an earlier version took what the model contradicts out of the catalogue: it is settled once more
               CASE WHEN r.outcome <> 'review' OR r.reason IS DISTINCT FROM 'contradicts_decision' THEN r.route_key END AS route_key,
               hash(l.input_hash, coalesce(d.decision_id, s.decision_id), p.model_id, $policy)::VARCHAR AS plain_key,
               plain_key || coalesce(' ' || c.decision_id, '') AS key_now
        FROM live_items l
        LEFT JOIN standing_decisions d USING (vendor, item_id)
        LEFT JOIN product_decisions s USING (vendor, item_id)
        LEFT JOIN ({carried}) c USING (vendor, item_id)
        LEFT JOIN standing_routes r USING (vendor, item_id)
        LEFT JOIN predictions p ON p.input_hash = l.input_hash AND p.model_id = $model
        LEFT JOIN (SELECT vendor, item_id, max(route_seq) AS route_seq FROM reclassified_items GROUP BY ALL) a
            USING (vendor, item_id)
    ), changed AS (
        SELECT product_id FROM now_at WHERE (reclassified OR route_key IS DISTINCT FROM key_now) AND product_id IS NOT NULL
    )
    SELECT n.* EXCLUDE (key_now)
    FROM now_at n
    WHERE n.reclassified OR n.route_key IS DISTINCT FROM n.key_now OR n.product_id IN (SELECT product_id FROM changed)
"""
# They with their look-alikes. place: one for the items of a product, and one for look-alikes.
PLACED = """
    WITH first_of AS (
        SELECT product_id, min("cluster") AS "cluster" FROM due_items JOIN look_alikes USING (vendor, item_id, input_hash)
        WHERE product_id IS NOT NULL GROUP BY product_id
    )
    SELECT n.* EXCLUDE (plain_key), c.category_id AS carried_category, plain_key || coalesce(' ' || c.decision_id, '') AS key_now,
           a."cluster", a."cluster" IS NULL OR a.keys IS NOT NULL AS leads,
           hash(coalesce(f."cluster", a."cluster", n.vendor || chr(31) || n.item_id)) AS place
    FROM due_items n
    LEFT JOIN look_alikes a ON a.vendor = n.vendor AND a.item_id = n.item_id AND a.input_hash = n.input_hash
    LEFT JOIN first_of f ON f.product_id = n.product_id
    LEFT JOIN ({carried}) c ON c.vendor = n.vendor AND c.item_id = n.item_id
"""
_LIST_DUE = f"CREATE OR REPLACE TEMP TABLE due_items AS {DUE}"
_PLACE_DUE = f"CREATE OR REPLACE TEMP TABLE due_routes AS {PLACED}"
_COUNT_DUE = f"SELECT count(*) FROM ({DUE})"
# What look-alikes were decided as: of every item that nobody decided, or of none where nothing is carried.
CARRIED = "FROM look_alike_decisions SELECT vendor, item_id, category_id, decision_id"
NOTHING_CARRIED = "SELECT NULL::VARCHAR AS vendor, NULL::VARCHAR AS item_id, NULL::VARCHAR AS category_id, NULL::VARCHAR AS decision_id WHERE false"
# One part of them with where they stand, what rules ask for and what was predicted. All of that is looked up part by part:
# of a million items at once the joins alone were more than a database of 1 GB may hold.
TODO = """
    SELECT n.* EXCLUDE (place, said_verdict, said_note, standing_seq),
           r.category_id AS standing_category, r.outcome AS standing_outcome, r.decided_by AS standing_by,
           r.audit AS standing_audit, r.taxonomy_version AS standing_version, r.model_id AS standing_model,
           n.reclassified OR (r.reason = 'move_held' AND r.seq <= (SELECT max(route_seq) FROM move_approvals)) AS move_approved,
           r.certified_precision AS standing_certified_precision, r.confidence AS standing_probability,
           CASE WHEN n.said_verdict = 'retired' THEN n.said_note
                WHEN n.said_verdict IS NULL AND r.reason = 'category_retired' AND r.outcome = 'review' THEN r.sentence END AS returned,
           CASE WHEN u.model_id IS NOT NULL THEN 'run_undone' END AS held_back, i.gtin, i.vendor_category,
           p.* EXCLUDE (input_hash, model_id, run_id, predicted_at, provider, stage)
    FROM (FROM due_routes WHERE place % $parts = $part) n
    JOIN items i ON i.vendor = n.vendor AND i.item_id = n.item_id AND i.row_hash = n.row_hash
    LEFT JOIN routes r ON r.seq = n.standing_seq
    LEFT JOIN (SELECT DISTINCT vendor, item_id, input_hash, model_id FROM placements_undone) u
        ON u.vendor = n.vendor AND u.item_id = n.item_id AND u.input_hash = n.input_hash AND u.model_id = $model
    LEFT JOIN predictions p ON p.input_hash = n.input_hash AND p.model_id = n.model_id
"""
PART = 200_000  # items to a part, about

SHADOW = "shadow_mode"
# What somebody said of an item, and where it stood.
_SAID = (
    *("decision_id", "decided_category", "decided_verdict", "decided_source", "decided_input_hash", "returned"),
    "carried_category",
    *("standing_category", "standing_outcome", "standing_version", "standing_by", "held_back"),
)
_SHADOW = (
    *("vendor", "item_id", "input_hash", "model_id", "policy_id", "taxonomy_version", "outcome", "category_id"),
    *("confidence", "certified_precision", "reason", "group_id", "route_key"),
)
UNCLASSIFIED = "not_classified_yet"
NOT_YET = "The night ended before it was classified; the next one goes on with it."
ROUTE_COLUMNS = [
    "vendor",
    "item_id",
    "row_hash",
    "input_hash",
    "outcome",
    "category_id",
    "confidence",
    "certified_precision",
    "reason",
    "reasons",
    "sentence",
    "decided_by",
    "parent_id",
    "audit",
    "control",
    "group_id",
    "rule_id",
]


class _SwitchedOff(Exception):
    """Somebody switched automation off while outcomes were being worked out."""


def run(job: Job) -> int:
    """Appends one route per item whose outcome was settled anew, all of them or none; returns how many."""
    standing = rules.acting(job)
    how = replace(
        _how(job, off=switched_off(job.workspace)), audit_shares=audit_shares.settle(job, latest_taxonomy(job.store))
    )
    try:
        return _settle_all(job, standing, how)
    except _SwitchedOff:
        return _settle_all(job, standing, _how(job, off=True))


def _settle_all(job: Job, standing: Standing, how: "_How") -> int:
    """Settles part after part. Raises _SwitchedOff, with nothing appended, where the model may not place any more."""
    count, parts = 0, -(-_find_due(job, standing, how) // PART)
    _ask_switch(job, how)
    if not parts:
        return 0
    policy = ledger.current_policy(job.store, job.settings)
    beside = look_alikes.beside(job.store, policy.policy_id, draws.LARGE_CLUSTER)
    with job.store.transaction():
        for part in range(parts):
            given = {"parts": parts, "part": part, "model": policy.model_id}
            count += _settle_part(job, standing, how, given, beside)
    job.store.execute("DROP TABLE IF EXISTS due_routes")
    return count


def _settle_part(job: Job, standing: Standing, how: "_How", given: Params, beside: pl.DataFrame) -> int:
    """Settles one part. In a function of its own, so that no rows of it are held while the next one is read."""
    todo = job.store.query(TODO, given)
    todo = todo.hstack(todo.select("cluster").join(beside, on="cluster", how="left", maintain_order="left")[:, 1:])
    settled = _settled(job, standing, how, todo)
    _ask_switch(job, how)
    if settled.height and how.shadow:
        compared = _settled(job, standing, replace(how, held_back=None, alone=True), todo)
        _append(job, "shadow_routes", compared.select(*_SHADOW, settled_at="routed_at"))
    del todo
    _append(job, "routes", settled)
    return settled.height


def _ask_switch(job: Job, how: "_How") -> None:
    if how.places and switched_off(job.workspace):
        raise _SwitchedOff


@dataclass(frozen=True)
class _How:
    """How items are settled. held_back: why the model may place nothing, as a reason's code; audit_shares: what departments
    have audited where that is another share than the policy's; shadow: what it would have done is
    kept beside; alone: as if nobody had decided, and nothing had stood anywhere; carries: whether the settings let decisions be
    carried to look-alikes."""

    held_back: str | None = None
    shadow: bool = False
    audit_shares: dict[str, float] = field(default_factory=dict)
    alone: bool = False
    carries: bool = True

    @property
    def places(self) -> bool:
        """Whether the model may place anything."""
        return self.held_back is None

    @property
    def key(self) -> list[str]:
        """What of it decides outcomes."""
        held = [{CODE: "off", SHADOW: "shadow"}[self.held_back]] if self.held_back else []
        return held if self.carries else [*held, "nothing carried"]


def _how(job: Job, *, off: bool) -> _How:
    shadow = job.settings.mode == "shadow"
    return _How(SHADOW if shadow else CODE if off else None, shadow)


def _append(job: Job, table: str, rows: pl.DataFrame) -> None:
    first = 1 + (job.store.query(f"SELECT max(seq) FROM {quoted(table)}").item() or 0)
    rows = rows.with_columns(seq=pl.int_range(first, first + rows.height, dtype=pl.Int64), run_id=pl.lit(job.run_id))
    with job.store.one_thread():
        for part in rows.iter_slices(job.settings.feeds.batch_rows):
            job.store.append(table, part)


def _find_due(job: Job, standing: Standing, how: _How) -> int:
    """Lists the items whose outcome may have changed, for `TODO`, and says how many; variants of a product have one place."""
    given = _given(job, standing, off=how.held_back == CODE)
    carried = _carried(job)
    job.store.execute(_LIST_DUE.format(carried=carried), given)
    due = job.store.one("SELECT count(*) FROM due_items")
    if due:
        look_alikes.join_new(job)
        job.store.execute(_PLACE_DUE.format(carried=carried))
    job.store.execute("DROP TABLE due_items")
    return due


def _carried(job: Job) -> str:
    """The query of what look-alikes were decided as: asked where it may be carried, or was."""
    may = ledger.current_policy(job.store, job.settings).look_alike_certified_precision is not None
    if may and job.settings.routing.carry_decisions:
        return CARRIED
    was = job.store.query("SELECT 1 FROM routes WHERE decided_by = 'look_alike' LIMIT 1").height
    return CARRIED if was else NOTHING_CARRIED


def _given(job: Job, standing: Standing, *, off: bool) -> dict[str, str | None]:
    """What `DUE` compares each item's latest route with, by the names of its parameters."""
    store, model = job.store, ledger.current_model(job.store)
    held = ledger.vendor_category_rules(store, model, job.settings)
    ruled = (standing.key, sorted(rules.bars(store, standing, model).items()))
    policy, taxonomy = ledger.current_policy(store, job.settings), latest_taxonomy(store)
    how = replace(_how(job, off=off), carries=job.settings.routing.carry_decisions)
    return {"policy": _key(policy, taxonomy, held, ruled, how), "model": model}


def _settled(job: Job, standing: Standing, how: _How, todo: pl.DataFrame) -> pl.DataFrame:
    """The routes of items whose outcome may have changed."""
    if not todo.height:
        return todo
    store = job.store
    model, taxonomy = ledger.current_model(store), latest_taxonomy(store)
    policy = ledger.current_policy(store, job.settings)
    held = ledger.vendor_category_rules(store, model, job.settings)
    bars = rules.bars(store, standing, model)
    if how.held_back:
        todo = todo.with_columns(held_back=pl.lit(how.held_back))
    if how.alone:
        todo = todo.with_columns(pl.lit(None, pl.String).alias(name) for name in _SAID)
    todo = with_rules(todo, standing, rules.sizes(store, standing))
    if how.held_back == SHADOW:  # no category changes, not by a rule either
        todo = todo.with_columns(pinned=pl.lit(None, pl.String))
    todo = standing_now(store, model_translation(store, model).predictions(todo))
    todo = with_conflicts(todo, held, taxonomy)
    guarded = guards(standing, taxonomy, bars)
    serving = policy if job.settings.routing.carry_decisions else replace(policy, look_alike_certified_precision=None)
    route = partial(routing.route, policy=serving, taxonomy=taxonomy, guards=guarded, audit_shares=how.audit_shares)
    settled = _within_moves(job, todo, route, taxonomy).select(
        *ROUTE_COLUMNS,
        # what is held back is looked at again by the next run, whatever else that has to do
        pl.when(pl.col("reason") != move_limit.HELD).then("key_now").alias("route_key"),
        pl.col("model_id"),
        pl.lit(policy.policy_id).alias("policy_id"),
        pl.lit(taxonomy.version).alias("taxonomy_version"),
        pl.lit(job.run_id).alias("run_id"),
        pl.lit(now()).alias("routed_at"),
    )
    # Sorted here, where rows are short, and not by the database: a night ends with the same rows in the same order.
    order = todo.select(pl.arg_sort_by(pl.col("product_id").fill_null(""), "vendor", "item_id")).to_series()
    return _with_unclassified(job, settled[order])


def _within_moves(
    job: Job, todo: pl.DataFrame, route: Callable[[pl.DataFrame], pl.DataFrame], taxonomy: Taxonomy
) -> pl.DataFrame:
    """Settles the items, and once more with those kept in place that `routing.max_moves` holds back."""
    settled = route(todo)
    held = move_limit.over(job, settled, taxonomy)
    return route(todo.with_columns(move_held=held)) if held.any() else settled


def _key(policy: Policy, taxonomy: Taxonomy, held: pl.DataFrame, ruled: tuple[str, list], how: _How) -> str:
    """Names all that decides outcomes beside an item's own content, decision and prediction."""
    further = [*([held.rows()] if held.height else []), *how.key, *([ruled] if ruled[0] else [])]
    return digest(policy.policy_id, taxonomy.version, "look-alikes", *further)


def due(job: Job, *, off: bool) -> int:
    """How many live items would be settled anew now. Only reads."""
    given = _given(job, rules.acting(job), off=off)
    return job.store.query(_COUNT_DUE.format(carried=_carried(job)), given).item()


def _with_unclassified(job: Job, settled: pl.DataFrame) -> pl.DataFrame:
    """Items that this night had no time to classify say so: nobody is asked about what the next night may place."""
    left = job.store.one("SELECT sum(rows) FROM leftovers WHERE run_id = ? AND kind = 'inputs'", [job.run_id])
    if not left:
        return settled
    waits = (pl.col("reason") == "no_prediction") & (pl.col("outcome") == "review")
    return settled.with_columns(
        reason=pl.when(waits).then(pl.lit(UNCLASSIFIED)).otherwise("reason"),
        reasons=pl.when(waits).then(pl.concat_list(pl.lit(UNCLASSIFIED))).otherwise("reasons"),
        sentence=pl.when(waits).then(pl.lit(NOT_YET)).otherwise("sentence"),
    )


def withdraw_if_switched_off(job: Job) -> int:
    """Takes back what this very run has placed when automation was switched off since; returns how many items."""
    if not switched_off(job.workspace):
        return 0
    placed = placed_in(job, job.run_id)
    with job.store.transaction():  # the note makes the next night settle them anew
        count = take_back(job, placed, CODE, SENTENCE, mark=False)
        if count:
            note_left(job, "placements", [(None, None, count)])
    if count:
        job.event("automation_off", counts={"taken_back": count})
    return count
