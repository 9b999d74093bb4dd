"""Products that already have a category: which node each label means, and the decisions that follow."""

import difflib
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from catalog.deliveries.canonical import Canonical, canonicalize
from catalog.deliveries.inbox import VENDOR
from catalog.errors import CatalogError, FeedRefused
from catalog.jobs import digest
from catalog.pictures.finding import Pictures
from catalog.reading.feeds import RawBatch
from catalog.reading.mapping import Mapping
from catalog.store import Store
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy
from catalog.taxonomies.versions import current_version
from catalog.values.texts import plain_text

NOBODY = "catalogue"  # the vendor of labels that name none
_MOST_SUGGESTIONS = 50  # each costs a comparison with every category
_REJECT = ("line", "vendor", "item_id", "rule", "detail", "raw")


class CategoryNames:
    """What the texts of a file that name categories mean: an id, a full path, or a leaf name that occurs once."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy
        self._meant: dict[str, tuple[str | None, str, str]] = {}

    def mean(self, name: str | None) -> tuple[str | None, str, str]:
        """(category id, broken rule, what to say about it); the last two are empty for a category products may have."""
        if not name:
            return None, "missing_category", "no category given"
        if name not in self._meant:
            self._meant[name] = self._look_up(name)
        return self._meant[name]

    def _look_up(self, name: str) -> tuple[str | None, str, str]:
        node = self.taxonomy.resolve(name)
        if node is None:
            return None, "unknown_category", f"{name!r} is no category here{self._suggestion(name)}"
        if not self.taxonomy.assignable(node):
            return None, "not_assignable", f"no product may stand at {self.taxonomy.path(node)!r}"
        return node, "", ""

    def _suggestion(self, name: str) -> str:
        if sum(1 for _, rule, _ in self._meant.values() if rule == "unknown_category") >= _MOST_SUGGESTIONS:
            return ""
        last = name.rpartition(">")[2].strip()
        nodes = self.taxonomy.nodes
        if SEPARATOR.strip() in name:
            near = difflib.get_close_matches(name, nodes["path"].to_list(), n=1, cutoff=0.7)
        else:
            near = difflib.get_close_matches(last, nodes["name"].to_list(), n=1, cutoff=0.7)
            near = [nodes.row(by_predicate=pl.col("name") == near[0], named=True)["path"]] if near else []
        return f"; nearest: {near[0]}" if near else ""


class LabelReader:
    """Turns raw rows of a label file into canonical ones with category_id, who and decided_at.

    `vendor` stands where a row names none; `who` and `when` where it does not say who labelled it and when.
    """

    def __init__(self, taxonomy: Taxonomy, mapping: Mapping, pictures: Pictures, *, vendor: str, who: str) -> None:
        self.mapping = mapping
        self.pictures = pictures
        self.vendor = vendor
        self.who = who
        self.when = datetime.now(UTC)
        self.names = CategoryNames(taxonomy)

    def read(self, batch: RawBatch) -> Canonical:
        """Rows with a category it knows as items; the others as rejects that say why."""
        rows = self._with_vendor(batch.rows)
        found = canonicalize(replace(batch, rows=rows), self.vendor, self.mapping, self.pictures)
        wide = found.items.join(self._labels(rows), on="line", how="left", maintain_order="left")
        wide = self._refused(wide)
        rejects = wide.filter(pl.col("rule").is_not_null()).select(_REJECT)
        return Canonical(
            wide.filter(pl.col("rule").is_null()).drop("rule", "detail", "raw"),
            pl.concat([found.rejects, rejects]).sort("line"),
        )

    def _with_vendor(self, rows: pl.DataFrame) -> pl.DataFrame:
        if "category_id" not in rows.columns and "category_path" not in rows.columns:
            raise FeedRefused(
                "missing_column",
                "The file has neither a column category_path nor category_id.",
                remedy="Add one of them: the full path with levels joined by ' > ', or the category's id.",
            )
        named = plain_text("vendor") if "vendor" in rows.columns else pl.lit(None, pl.String)
        return rows.with_columns(vendor=named.fill_null(self.vendor))

    def _labels(self, rows: pl.DataFrame) -> pl.DataFrame:
        present = {name: plain_text(name) for name in rows.columns}
        absent = pl.lit(None, pl.String)
        return rows.select(
            "line",
            "raw",
            named=pl.coalesce(present.get("category_id", absent), present.get("category_path", absent)),
            who=present.get("labelled_by", absent).fill_null(self.who),
            labelled_at=present.get("labelled_at", absent),
        )

    def _refused(self, wide: pl.DataFrame) -> pl.DataFrame:
        meant = [self.names.mean(name) for name in wide["named"]]
        dates = {text: _instant(text) for text in wide["labelled_at"].drop_nulls().unique()}
        vendors = {vendor for vendor in wide["vendor"].unique() if not VENDOR.match(vendor)}
        when = [dates[text] if text else self.when for text in wide["labelled_at"]]
        undated = pl.Series([moment is None for moment in when], dtype=pl.Boolean)
        rule = pl.Series([rule for _, rule, _ in meant], dtype=pl.String).replace("", None)
        strange = pl.col("vendor").is_in(vendors)
        return wide.with_columns(
            pl.Series("category_id", [node for node, _, _ in meant], dtype=pl.String),
            pl.Series("decided_at", when, dtype=pl.Datetime("us", "UTC")),
            rule=pl.when(strange)
            .then(pl.lit("bad_vendor"))
            .when(rule.is_not_null())
            .then(rule)
            .when(undated)
            .then(pl.lit("bad_labelled_at")),
            detail=pl.when(strange)
            .then("vendor")
            .when(rule.is_not_null())
            .then(pl.Series([detail for _, _, detail in meant], dtype=pl.String))
            .otherwise("labelled_at"),
            vendor=pl.when(strange).then(pl.lit(self.vendor)).otherwise("vendor"),
        ).drop("named", "labelled_at")


def _instant(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def append_decisions(store: Store, delivery_id: str, run_id: str, *, random: bool, note: str | None) -> int:
    """One decision per item of the label delivery just written; returns how many. Call it inside its transaction."""
    labelled = store.query(
        """SELECT a.vendor, a.item_id, a.input_hash, a.category_id, a.who, a.decided_at
           FROM arrived a JOIN sightings s ON s.line = a.line AND s.vendor = a.vendor
           WHERE s.delivery_id = ? AND s.status <> 'duplicate' ORDER BY a.line""",
        [delivery_id],
    )
    if labelled["category_id"].null_count():
        raise CatalogError(
            "invariant: a label without a category; nothing was written.",
            remedy="This is a fault of the program: report it with the file.",
        )
    first = 1 + (store.one("SELECT max(seq) FROM decisions") or 0)
    ids = [digest(delivery_id, item_id) for item_id in labelled["item_id"]]
    return store.append(
        "decisions",
        labelled.with_columns(
            pl.Series("decision_id", ids, dtype=pl.String),
            seq=pl.int_range(first, first + labelled.height, dtype=pl.Int64),
            verdict=pl.lit("category"),
            taxonomy_version=pl.lit(current_version(store)),
            source=pl.lit("label"),
            random=pl.lit(random),
            note=pl.lit(note, pl.String),
            import_id=pl.lit(delivery_id),
            run_id=pl.lit(run_id),
        ),
    )
