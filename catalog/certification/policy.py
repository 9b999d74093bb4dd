"""The policy: thresholds and rules that turn stored predictions into places. What is certified is what it serves."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from catalog.taxonomies.taxonomy import Taxonomy

if TYPE_CHECKING:
    from catalog.certification.certificate import Certificate


_SETS = (
    "review_departments",
    "parent_review_departments",
    "known_vendors",
    "suspended_vendors",
    "suspended_departments",
    "stopped_departments",
)
# Left out where empty: policies from before they existed keep their ids.
_LATER = ("stopped_departments", "draw_shares", "regained", "look_alike_certified_precision")
Bar = float | Mapping[str, float] | None  # one threshold for all, one for each department that has any, or none at all


@dataclass(frozen=True)
class Policy:
    """Everything that decides outcomes. Thresholds are log-odds; None means that nothing is placed in that stratum.

    Where every department has a certificate of its own, `leaf_groups` and `parent_groups` hold their thresholds by
    department id, the others have none, and `leaf_threshold` and `parent_threshold` are None. Where one certificate holds for
    all and some have a stricter threshold, they hold that of every department. `known_vendors`: those
    the labels name; empty where they name none, and then no vendor counts as unseen. `suspended_*`: whose certificate
    lost its grounds, see `catalog.placement.grounds`; `stopped_departments`: where the audit found too many errors.
    By `group_key`: `draw_shares`, of what would be placed in a group that is stopped, the share that is drawn at random;
    `regained`, of groups that came back, the log-odds their leaves must reach as well (nothing is placed at a parent there).
    `look_alike_certified_precision`: where a decision may be carried to look-alikes that come later, else None.
    `review_departments` and `parent_review_departments` hold ids of departments that were seen below the target at a
    leaf or at a parent. `min_level` is the highest level for back-off (None: the parent of the predicted leaf).
    """

    model_id: str
    target: float
    delta: float
    leaf_threshold: float | None = None
    parent_threshold: float | None = None
    leaf_certified_precision: float | None = None
    parent_certified_precision: float | None = None
    min_level: int | None = None
    review_departments: frozenset[str] = frozenset()
    parent_review_departments: frozenset[str] = frozenset()
    novelty_threshold: float | None = None
    audit_share: float = 0.01
    control_share: float = 0.005
    salt: str = ""
    issued_at: str | None = None
    leaf_groups: Mapping[str, float] = field(default_factory=dict)
    parent_groups: Mapping[str, float] = field(default_factory=dict)
    known_vendors: frozenset[str] = frozenset()
    review_unseen_vendors: bool = False
    suspended_vendors: frozenset[str] = frozenset()
    suspended_departments: frozenset[str] = frozenset()
    stopped_departments: frozenset[str] = frozenset()
    draw_shares: Mapping[str, float] = field(default_factory=dict)
    regained: Mapping[str, float] = field(default_factory=dict)
    look_alike_certified_precision: float | None = None

    @property
    def leaf_bar(self) -> Bar:
        """What a leaf's log-odds must reach."""
        return self.leaf_groups or self.leaf_threshold

    @property
    def parent_bar(self) -> Bar:
        """What a parent's log-odds must reach."""
        return self.parent_groups or self.parent_threshold

    @classmethod
    def from_certificate(
        cls, certificate: "Certificate", *, audit_share: float = 0.01, control_share: float = 0.005, salt: str = ""
    ) -> "Policy":
        """The policy that a certificate was earned for."""
        leaf, parent = certificate.leaf, certificate.parent
        return cls(
            model_id=certificate.model_id,
            target=certificate.target,
            delta=certificate.delta,
            leaf_threshold=leaf.threshold,
            parent_threshold=parent.threshold,
            leaf_groups=leaf.bar if isinstance(leaf.bar, dict) else {},
            parent_groups=parent.bar if isinstance(parent.bar, dict) else {},
            leaf_certified_precision=certificate.target if leaf.passed else None,
            parent_certified_precision=certificate.target if parent.passed else None,
            min_level=certificate.min_level,
            review_departments=leaf.review_departments,
            parent_review_departments=parent.review_departments,
            novelty_threshold=certificate.novelty_threshold,
            audit_share=audit_share,
            control_share=control_share,
            salt=salt,
            issued_at=certificate.issued_at,
            look_alike_certified_precision=(
                certificate.target if certificate.look_alikes is not None and certificate.look_alikes.passed else None
            ),
        )

    @classmethod
    def review_everything(
        cls, model_id: str, target: float = 0.98, delta: float = 0.05, *, control_share: float = 0.005
    ) -> "Policy":
        """The policy without a certificate: no automation, every item goes to people."""
        return cls(model_id=model_id, target=target, delta=delta, control_share=control_share)

    @cached_property
    def policy_id(self) -> str:
        """Names the content: the same rules are the same policy, whenever the certificate was issued."""
        content = {name: value for name, value in self._content().items() if name != "issued_at"}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: sets become sorted lists. `policy_id` stands beside the fields."""
        return {"policy_id": self.policy_id, **self._content()}

    def _content(self) -> dict[str, Any]:
        content = asdict(self)
        for name in _SETS:
            content[name] = sorted(content[name])
        return {name: value for name, value in content.items() if value or name not in _LATER}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "Policy":
        """The inverse of `to_dict`; keys that are no field (a policy_id beside them) are ignored."""
        values = {known.name: content[known.name] for known in fields(cls) if known.name in content}
        for name in _SETS:
            values[name] = frozenset(values.get(name, ()))
        return cls(**values)


def group_key(kind: str, key: str) -> str:
    """Names a vendor or department among both."""
    return f"{kind} {key}"


def by_group(values: Mapping[str, float], department: pl.Expr) -> pl.Expr:
    """float64 per row: the largest of what its vendor and its department have in `values`; null where neither has any."""
    vendor = pl.concat_str(pl.lit(group_key("vendor", "")), "vendor")
    department = pl.concat_str(pl.lit(group_key("department", "")), department)
    return pl.max_horizontal(
        name.replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.Float64)
        for name in (vendor, department)
    )


def admitted(columns: list[str], novelty_threshold: float | None) -> pl.Expr:
    """Bool per row: there is a prediction, something it was made from, nothing that the vendor's own category says
    against it, and it is not of a kind nobody trained."""
    fit = pl.col("leaf_id").is_not_null() & pl.col("log_odds").is_not_null()
    if "has_text" in columns and "has_image" in columns:
        fit &= pl.col("has_text").fill_null(True) | pl.col("has_image").fill_null(True)
    if "vendor_conflict" in columns:
        fit &= pl.col("vendor_conflict").is_null()
    if novelty_threshold is not None and "novelty" in columns:
        fit &= (pl.col("novelty") <= novelty_threshold).fill_null(True)
    return fit


def may_stand(taxonomy: Taxonomy, leaf: str = "leaf_id") -> pl.Expr:
    """Bool per row: products may stand at this predicted class."""
    allowed = taxonomy.nodes.filter("assignable")["category_id"]
    return pl.col(leaf).is_in(allowed.to_list())


def reaches(score: str, bar: Bar, department: pl.Expr) -> pl.Expr:
    """Bool per row: the score reaches the bar, of its department where each has one; never null."""
    if bar is None:
        return pl.lit(False)
    least = bar if isinstance(bar, float) else department.replace_strict(bar, default=None, return_dtype=pl.Float64)
    return (pl.col(score) >= least).fill_null(False)


def department_of(taxonomy: Taxonomy, node: str) -> pl.Expr:
    """The id of the level-1 ancestor of each node in a column; null for an unknown node."""
    departments = {name: taxonomy.ancestors(name)[0] for name in taxonomy.nodes["category_id"]}
    return pl.col(node).replace_strict(departments, default=None, return_dtype=pl.String)


def sure_nodes(frame: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    """The nodes above a leaf where each row's product more likely than not belongs, whatever the threshold.

    One row per (row number in `frame`, node): columns row, node, level, node_mass, node_log_odds and parent_level (the
    level above the predicted leaf), shallow nodes first. Only nodes of the greedy chain with more than half of the mass,
    that are no leaves and marked assignable.
    """
    nodes = taxonomy.nodes.lazy().select("category_id", "level", "is_leaf", "assignable")
    leaves = nodes.select(pl.col("category_id").alias("leaf_id"), (pl.col("level") - 1).alias("parent_level"))
    return (
        frame.lazy()
        .select("leaf_id", node="chain_ids", node_mass="chain_mass", node_log_odds="chain_log_odds")
        .with_row_index("row")
        .explode("node", "node_mass", "node_log_odds")
        .filter(pl.col("node_mass") > 0.5)
        .join(nodes, left_on="node", right_on="category_id")
        .filter(~pl.col("is_leaf") & pl.col("assignable"))
        .join(leaves, on="leaf_id")
        .select("row", "node", "level", "node_mass", "node_log_odds", "parent_level")
        .sort("row", "level")
        .collect()
    )


def deep_enough(min_level: int | None) -> pl.Expr:
    """Bool per row of `sure_nodes`: not above `min_level`, or by default not above the predicted leaf's parent."""
    return pl.col("level") >= (pl.col("parent_level") if min_level is None else pl.lit(min_level))
