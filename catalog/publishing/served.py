"""What serves: the model, what it measured in training, and the certificate its policy rests on."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.certification.certificate import Certificate
from catalog.publishing.questions import Ask

_SERVING = """
    SELECT s.model_id, s.promoted_at, s.policy_id, s.taxonomy_version, m.metrics, c.body
    FROM serving s LEFT JOIN models m USING (model_id) LEFT JOIN certificates c USING (certificate_id)
"""


@dataclass(frozen=True)
class Serving:
    """All None before the first promotion; certificate is None where none was asked for."""

    model_id: str | None
    promoted_at: datetime | None
    policy_id: str | None
    taxonomy_version: str | None
    metrics: dict[str, Any]
    certificate: Certificate | None

    @property
    def promise(self) -> float | None:
        """The share of placements that is promised to be right; None where nothing is placed."""
        return self.certificate.target if self.certificate is not None and self.certificate.automates else None


@dataclass(frozen=True)
class TargetRow:
    """One precision that automation might promise, and what stands between it and a certificate."""

    target: float
    status: str
    sentence: str


def serving(ask: Ask) -> Serving:
    """What serves today, as published."""
    row = ask(_SERVING).row(0, named=True)
    certificate = Certificate.from_dict(json.loads(row["body"])) if row["body"] else None
    facts = {name: row[name] for name in ("model_id", "promoted_at", "policy_id", "taxonomy_version")}
    return Serving(**facts, metrics=json.loads(row["metrics"] or "{}"), certificate=certificate)


def targets(serves: Serving) -> list[TargetRow]:
    """One row per precision looked at in training, and the one that is certified, lowest first."""
    missing = {float(target): labels for target, labels in serves.metrics.get("labels_missing", {}).items()}
    certificate = serves.certificate
    if certificate is not None:
        missing.setdefault(certificate.target, certificate.leaf.labels_missing)
    return [_target_row(target, missing[target], certificate) for target in sorted(missing)]


def _target_row(target: float, labels: int | None, certificate: Certificate | None) -> TargetRow:
    if certificate is not None and certificate.target == target and certificate.leaf.passed:
        return TargetRow(target, "certified", "serves for placements at a leaf")
    if labels is None:
        return TargetRow(target, "not certifiable", "at the error rate seen, no number of labels would do")
    if labels > 0:
        return TargetRow(target, "not yet certifiable", f"{labels:,} labels missing")
    if certificate is not None and certificate.target == target:
        return TargetRow(target, "not certified", "the labels at hand should suffice, but the test did not pass")
    return TargetRow(target, "certifiable", "the labels at hand should suffice; set routing.target to ask for it")
