"""What an import of a new hierarchy does to what stands: decisions, placements, predictions and open review sheets.

A category with one new id takes everything along. What stood at a split or removed one goes back to people, with the
reason in words. Rows are appended; the old ones stay and say what was meant under the old version.
"""

from dataclasses import dataclass, field

import polars as pl

from catalog.errors import CatalogError
from catalog.jobs import Counts, Job, digest, now
from catalog.store import Store
from catalog.taxonomies.category_map import CategoryMap
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import current_version, taxonomy_version

RETIRED = "retired"  # the verdict of a decision whose category is no longer one
DECISIONS = "SELECT * FROM standing_decisions WHERE verdict = 'category' ORDER BY seq"
# An item that is gone keeps its history as it was; should it come back, its place is read in today's ids.
PLACEMENTS = """SELECT * EXCLUDE (since, queued_at) FROM standing_routes SEMI JOIN live_items USING (vendor, item_id)
                WHERE has_category(outcome) AND category_id IS NOT NULL ORDER BY seq"""
_TARGET = {"category_id": pl.String, "new_id": pl.String, "words": pl.String}


def require_nothing_lost(store: Store, moves: CategoryMap, command: str) -> None:
    """Raises CatalogError when something stands at a category that neither an equal id nor a row of a map speaks for.

    `command` is what a person should run instead.
    """
    lost = pl.DataFrame({"category_id": sorted(moves.silent)}, schema={"category_id": pl.String})
    decisions, placements = (store.query(sql).join(lost, on="category_id") for sql in (DECISIONS, PLACEMENTS))
    placements = placements.filter(pl.col("outcome") != "decided")
    if decisions.height or placements.height:
        categories = pl.concat([decisions["category_id"], placements["category_id"]]).unique().sort()
        raise CatalogError(
            f"{decisions.height} decisions and {placements.height} placements stand in {len(categories)} categories "
            f"that the new version does not have, such as {', '.join(categories[:3])}. Nothing was imported.",
            remedy=command,
        )


def record(job: Job, moves: CategoryMap, seq: int) -> None:
    """Appends what became of each category whose id does not say it. `seq` is the import's in `taxonomies`."""
    rows = [
        (move.old_id, new_id, move.kind, move.reason or None)
        for move in moves.moves.values()
        if move.new_ids != (move.old_id,) or move.kind != "same"
        for new_id in move.new_ids or (None,)
    ]
    schema = dict.fromkeys(("old_id", "new_id", "kind", "reason"), pl.String)
    facts = {"import_seq": seq, "map_id": moves.map_id, "run_id": job.run_id, "mapped_at": now()}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    job.store.append("category_map", frame.with_columns(pl.lit(value).alias(name) for name, value in facts.items()))


def migrate(job: Job, moves: CategoryMap, old: Taxonomy, new: Taxonomy) -> Counts:
    """Appends what stands under its new category, or a word why it needs a person. Call it inside the transaction."""
    targets = _targets(moves, old, new)
    decisions = job.store.query(DECISIONS).join(targets, on="category_id", maintain_order="left")
    placements = job.store.query(PLACEMENTS).join(targets, on="category_id", maintain_order="left")
    append_decisions(job, decisions, new.version, moves.map_id)
    _append_routes(job, placements, targets, new.version)
    back = decisions["new_id"].null_count(), placements.filter(pl.col("outcome") != "decided")["new_id"].null_count()
    placed = placements.filter(pl.col("outcome") != "decided").height
    return {
        "decisions_moved": decisions.height - back[0],
        "placements_moved": placed - back[1],
        "decisions_to_review": back[0],
        "placements_to_review": back[1],
    }


def _targets(moves: CategoryMap, old: Taxonomy, new: Taxonomy) -> pl.DataFrame:
    """One row per old category that does not simply keep its id: category_id, new_id (null: review), words."""
    rows = list[tuple[str, str | None, str]]()
    for key, move in moves.moves.items():
        if move.target is None:
            rows.append((key, None, moves.sentence(key, old, new)))
        elif move.target != key:
            rows.append((key, move.target, f"{old.path(key)} is now {new.path(move.target)}."))
    return pl.DataFrame(rows, schema=_TARGET, orient="row")


def append_decisions(job: Job, found: pl.DataFrame, version: str, map_id: str | None) -> None:
    """The same words under `new_id` of a newer version, or `words` why it has none: who said it and when stay, for nobody
    said anything new."""
    first = 1 + (job.store.one("SELECT max(seq) FROM decisions") or 0)
    lost = pl.col("new_id").is_null()
    rows = found.with_columns(
        pl.Series("decision_id", [digest(key, version, map_id) for key in found["decision_id"]], dtype=pl.String),
        seq=pl.int_range(first, first + found.height, dtype=pl.Int64),
        verdict=pl.when(lost).then(pl.lit(RETIRED)).otherwise("verdict"),
        category_id="new_id",
        note=pl.when(lost).then("words").otherwise("note"),
        taxonomy_version=pl.lit(version),
        import_id=pl.lit(map_id, pl.String),
        run_id=pl.lit(job.run_id),
    )
    job.store.append("decisions", rows.drop("new_id", "words"))


def _append_routes(job: Job, found: pl.DataFrame, targets: pl.DataFrame, version: str) -> None:
    """Placements under their new category, or in review. The next night settles them all again."""
    first = 1 + (job.store.one("SELECT max(seq) FROM routes") or 0)
    lost = pl.col("new_id").is_null()
    gone = targets.select(parent_id="category_id", parent_now="new_id", parent_moved=pl.lit(True))
    rows = found.join(gone, on="parent_id", how="left", maintain_order="left")
    parent = pl.when("parent_moved").then("parent_now").otherwise("parent_id")
    rows = rows.with_columns(
        seq=pl.int_range(first, first + found.height, dtype=pl.Int64),
        category_id="new_id",
        sentence="words",
        outcome=pl.when(lost).then(pl.lit("review")).otherwise("outcome"),
        reason=pl.when(lost).then(pl.lit("category_retired")).otherwise(pl.lit("category_mapped")),
        parent_id=pl.when(~lost).then(parent),
        **{name: pl.when(~lost).then(name) for name in ("decided_by", "confidence", "certified_precision", "group_id")},
        **{name: pl.col(name).fill_null(False) & ~lost for name in ("audit", "control")},
        route_key=pl.lit(None, pl.String),
        taxonomy_version=pl.lit(version),
        run_id=pl.lit(job.run_id),
        routed_at=pl.lit(now()),
    ).with_columns(reasons=pl.concat_list("reason"))
    job.store.append("routes", rows.drop("new_id", "words", "parent_now", "parent_moved"))


@dataclass(frozen=True)
class Translation:
    """From the ids of one version to today's. `to`: those that changed; `lost`: split or removed ones, in words."""

    to: dict[str, str] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_version(cls, store: Store, version: str | None) -> "Translation":
        """Nothing to translate from today's version, nor from one that was never imported."""
        if version is None or version == current_version(store):
            return cls()
        rows = store.query(
            """SELECT n.category_id, n.now_id, c.path, n.parts
               FROM category_now n JOIN categories c USING (taxonomy_version, category_id)
               WHERE n.taxonomy_version = ? AND n.now_id IS DISTINCT FROM n.category_id""",
            [version],
        )
        paths = dict(store.query("SELECT category_id, path FROM category_nodes").rows())
        to, lost = dict[str, str](), dict[str, str]()
        for key, now_id, path, parts in rows.iter_rows():
            if now_id is not None:
                to[key] = now_id
            elif parts:
                lost[key] = f"{path}, which was split into {' and '.join(paths.get(part, part) for part in parts)}"
            else:
                lost[key] = f"{path}, which the taxonomy no longer has"
        return cls(to, lost)

    def now(self, category_id: str | None) -> str | None:
        """Today's id; None where there is none any more."""
        if category_id is None or category_id in self.lost:
            return None
        return self.to.get(category_id, category_id)

    def ids(self, column: pl.Expr) -> pl.Expr:
        """A column of ids under today's version, null where there is none any more."""
        changed = {**self.to, **dict.fromkeys(self.lost)}
        return column.replace_strict(list(changed), list(changed.values()), default=column, return_dtype=pl.String)

    def predictions(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Predictions of a model trained on that version, in today's ids, with `lost_leaf`: its best guess in words
        where that is no category any more.

        Such an item has no leaf, so that it is placed nowhere. Two classes that became one keep the score of the better,
        which is never more than their sum: a threshold earned for one still holds for both.
        """
        words = pl.col("leaf_id").replace_strict(self.lost, default=None, return_dtype=pl.String)
        if not self.to and not self.lost:
            return frame.with_columns(lost_leaf=pl.lit(None, pl.String))
        parts = {"top_ids": ("top_log_odds",), "chain_ids": ("chain_mass", "chain_log_odds")}
        frame = frame.with_columns(lost_leaf=words, leaf_id=self.ids(pl.col("leaf_id"))).with_row_index("_at")
        for ids, values in parts.items():
            if ids not in frame.columns:
                continue
            present = [ids, *(value for value in values if value in frame.columns)]
            long = frame.select("_at", *present).explode(present, empty_as_null=False, keep_nulls=False)
            long = (
                long.with_columns(self.ids(pl.col(ids)))
                .drop_nulls(ids)
                .unique(["_at", ids], keep="first", maintain_order=True)
            )
            frame = frame.drop(present).join(
                long.group_by("_at", maintain_order=True).agg(present), on="_at", how="left", maintain_order="left"
            )
        return frame.drop("_at")


def standing_now(store: Store, todo: pl.DataFrame) -> pl.DataFrame:
    """The rows with `standing_category` in today's ids, from those of `standing_version`, which is left out."""
    for version in todo["standing_version"].unique().drop_nulls().sort():
        ids = Translation.from_version(store, version).ids(pl.col("standing_category"))
        of_it = pl.col("standing_version") == version
        todo = todo.with_columns(standing_category=pl.when(of_it).then(ids).otherwise("standing_category"))
    return todo.drop("standing_version")


def model_translation(store: Store, model_id: str | None) -> Translation:
    """From the ids of a model's classes to today's."""
    version = store.one("SELECT taxonomy_version FROM models WHERE model_id = ? LIMIT 1", [model_id])
    return Translation.from_version(store, version)


def translation_from(store: Store, moment: object) -> Translation:
    """From the ids of the version that was the newest at a time."""
    version = store.one(
        "SELECT taxonomy_version FROM taxonomies WHERE imported_at <= ? ORDER BY seq DESC LIMIT 1", [moment]
    )
    return Translation.from_version(store, version)


def image_of(store: Store, version: str, translation: Translation, new: Taxonomy) -> dict[str, str]:
    """Departments of an old version, by id, whose whole tree is today's under another name: old id -> today's.

    Every category below was kept, renamed or merged into one that stands in the same department, and nothing was added.
    """
    old = taxonomy_version(store, version)
    trees = [_trees(old, translation), _trees(new, Translation())]
    return {
        key: department
        for key in old.nodes.filter(level=1)["category_id"]
        if (department := translation.now(key)) is not None and trees[0].get(key) == trees[1].get(department)
    }


def _trees(taxonomy: Taxonomy, translation: Translation) -> dict[str, set[tuple]]:
    found: dict[str, set[tuple]] = {}
    for key, parent, leaf, open_ in taxonomy.nodes.select(
        "category_id", "parent_id", "is_leaf", "assignable"
    ).iter_rows():
        node = (translation.now(key), translation.now(parent), leaf, open_)
        found.setdefault(taxonomy.ancestors(key)[0], set()).add(node)
    return found
