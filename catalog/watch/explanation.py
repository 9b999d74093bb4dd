"""Why an item stands where it stands, in words: what decided, what moved the model, what would change it."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from catalog.certification.certificate import Carried, Certificate, StratumCertificate
from catalog.inference.occlusion import Effect, Occlusion
from catalog.watch.facts import Facts
from catalog.watch.neighbours import Neighbour

_SMALL = 0.05  # log-odds: effects below it are not worth a line
_LISTED = 8
PathOf = Callable[[str | None], str]


@dataclass(frozen=True)
class Candidate:
    """A leaf the model thought of."""

    path: str
    probability: float
    log_odds: float


@dataclass(frozen=True)
class Moved:
    """A part of the item and what it does: how much of the explained leaf's log-odds it carries, and the likeliest leaf
    without it where that is another one."""

    part: str
    log_odds: float
    instead: str | None


@dataclass(frozen=True)
class Seen:
    """What the serving model says, and of what. Shares and words are empty where it cannot be asked again.

    `regions`: log-odds carried by each square of the picture, 4 rows of 4 from the upper left.
    """

    model_id: str
    candidates: tuple[Candidate, ...]
    words: tuple[Moved, ...] = ()
    fields: tuple[Moved, ...] = ()
    text_share: float | None = None
    picture_share: float | None = None
    regions: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True)
class Explanation:
    """`story`: heading and sentence, in order. `changes`: what would have to be otherwise for another outcome."""

    vendor: str
    item_id: str
    title: str | None
    story: tuple[tuple[str, str], ...]
    seen: Seen | None = None
    changes: tuple[str, ...] = ()
    neighbours: tuple[tuple[Neighbour, str], ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        near = [{**asdict(one), "path": path} for one, path in self.neighbours]
        return {**asdict(self), "story": dict(self.story), "neighbours": near}

    def text(self) -> str:
        """For a terminal."""
        lines = [f"{self.vendor} {self.item_id}  {self.title or '(no title)'}", ""]
        lines += _headed(self.story)
        if self.seen:
            lines += _seen_lines(self.seen)
        if self.neighbours:
            lines += ["", "The labelled products most like it (cosine)"]
            lines += [
                f"  {n.likeness:5.2f}  {n.vendor} {n.item_id}  {n.title or ''}  is {p}" for n, p in self.neighbours
            ]
        if self.changes:
            lines += ["", "What would change it", *(f"  - {line}" for line in self.changes)]
        return "\n".join(lines)


def _headed(story: tuple[tuple[str, str], ...]) -> list[str]:
    width = max(len(name) for name, _ in story)
    return [f"  {name.ljust(width)}  {said}" for name, said in story]


def _seen_lines(seen: Seen) -> list[str]:
    if not seen.candidates:
        return []
    first = seen.candidates[0]
    lines = ["", f"The model's candidates ({seen.model_id})"]
    lines += [f"  {share(c.probability):>6}  {c.path}" for c in seen.candidates]
    moved = sorted(
        (m for m in (*seen.words, *seen.fields) if abs(m.log_odds) >= _SMALL), key=lambda m: -abs(m.log_odds)
    )
    if moved:
        lines += [
            "",
            f"What moved it: the log-odds of {first.path} are {first.log_odds:+.2f}, without the part they fall by",
        ]
        lines += [
            f"  {m.log_odds:+6.2f}  {m.part}" + (f"  (then {m.instead})" if m.instead else "") for m in moved[:_LISTED]
        ]
    if seen.text_share is not None and seen.picture_share is not None:
        lines.append(
            f"  text {seen.text_share:.0%}, picture {seen.picture_share:.0%} of what was added to knowing nothing"
        )
    return lines


def share(p: float) -> str:
    """A probability as people read it: never 100% of anything."""
    return f"{p:.1%}" if 0.001 <= p <= 0.9994 else (">99.9%" if p > 0.5 else "<0.1%")


def probability(log_odds: float) -> float:
    """The inverse of the logit."""
    return 1.0 / (1.0 + math.exp(-max(-500.0, min(500.0, log_odds))))


def seen(model_id: str, top: list[tuple[str, float]], found: Occlusion | None, path_of: PathOf) -> Seen:
    """From the model's candidates (id, log-odds), the likeliest first, and what leaving parts out does."""
    candidates = tuple(Candidate(path_of(leaf), probability(odds), odds) for leaf, odds in top)
    if found is None:
        return Seen(model_id, candidates)

    def moved(effect: Effect) -> Moved:
        other = effect.leaf_id != found.leaf_id
        return Moved(effect.part, round(effect.log_odds, 4), path_of(effect.leaf_id) if other else None)

    regions = () if found.regions is None else tuple(map(tuple, np.round(found.regions, 4).tolist()))
    return Seen(
        model_id,
        candidates,
        tuple(map(moved, found.words)),
        tuple(map(moved, found.fields)),
        found.text_share,
        found.picture_share,
        regions,
    )


def story(facts: Facts, certificate: Certificate | None) -> tuple[tuple[str, str], ...]:
    """What the tables say, a heading and a sentence each."""
    told = _live(facts, certificate) if facts.lineage else _not_live(facts)
    for row in facts.refused:
        told.append(("refused", _refused(row)))
    return tuple(told)


def _live(facts: Facts, certificate: Certificate | None) -> list[tuple[str, str]]:
    row = facts.lineage or {}
    told = [("stands", _standing(row)), ("because", row["sentence"] or "No night has settled it yet: catalog nightly.")]
    if len(facts.reasons) > 1:
        told.append(("also", ", ".join(facts.reasons[1:])))
    if row["verdict"]:
        what = row["decided_id"] or row["verdict"]
        told.append(("said of it", f"{what} by {row['who']} ({row['source']}) on {row['decided_at']:%Y-%m-%d}"))
    if facts.carried:
        told.append(("look-alikes", _carried(facts.carried)))
    if facts.theirs:
        told.append(("vendor says", _theirs(facts.theirs)))
    if row["run_id"]:
        model = f"model {row['model_id']}, policy {row['policy_id']}" if row["model_id"] else "no model"
        told.append(("settled", f"by run {row['run_id']} on {row['settled_at']:%Y-%m-%d %H:%M} UTC under {model}"))
    if certificate is not None and row["decided_by"] in ("model", "look_alike"):
        test = certificate.look_alikes if row["decided_by"] == "look_alike" else _stratum(certificate, row["outcome"])
        told.append(("certificate", _certificate(row["certificate_id"], certificate, test)))
    told.append(("delivered", f"line {row['line']} of {row['file_name']}, read on {row['seen_at']:%Y-%m-%d %H:%M} UTC"))
    return told


def _standing(row: dict[str, Any]) -> str:
    by = {
        "model": "by the model",
        "look_alike": "as its look-alikes were decided",
        "person": "by a person",
        "label": "by an imported label",
        "rule": "by a rule",
    }
    if row["outcome"] is None:
        return "nowhere yet"
    if row["category_id"] is None:
        return (
            "in no category; a person settled it"
            if row["outcome"] == "decided"
            else "in no category: it waits for a person"
        )
    waits = ", and waits for its leaf" if row["outcome"] == "placed_at_parent" else ""
    return f"in {row['path']}, put there {by.get(row['decided_by'], '')} since {row['since']:%Y-%m-%d}{waits}"


def _theirs(row: dict[str, Any]) -> str:
    ours = row["path"] or "no category of ours"
    if row["said_by"]:
        return f"{row['vendor_category']}, which {row['said_by']} says is {ours}"
    return f"{row['vendor_category']}; {row['right_items']} of {row['items']} decided products of it stand in {ours}"


def _carried(row: dict[str, Any]) -> str:
    others = row["decisions"] - 1
    more = f", and so were {others} more" if others else ""
    return f"{row['vendor']} {row['item_id']} was decided so by {row['who']} ({row['source']}) on {row['decided_at']:%Y-%m-%d}{more}"


def _stratum(found: Certificate, outcome: str | None) -> StratumCertificate:
    return found.parent if outcome == "placed_at_parent" else found.leaf


def _certificate(name: str | None, found: Certificate, test: StratumCertificate | Carried | None) -> str:
    if test is None or not test.passed:
        return f"{name}: none for this kind of placement any more; it stays as it was placed"
    n, k = (test.products, test.wrong) if isinstance(test, Carried) else (test.n, test.k)
    return (
        f"{name}: at least {found.target:.0%} of what is placed so is right; tested on {n:,} products, "
        f"{k:,} of them wrong (attempt {found.attempt})"
    )


def _not_live(facts: Facts) -> list[tuple[str, str]]:
    if not facts.content.height:
        return [("stands", "nowhere: no row of it was ever accepted")]
    last = facts.last
    if last is None:
        return [("stands", "nowhere: it is not live, and was not settled while it was")]
    where = f"in {last['path']}" if last["path"] else "in no category"
    return [
        ("stands", f"nowhere: its vendor no longer delivers it. It last stood {where} ({last['outcome']})"),
        ("because", str(last["sentence"])),
        ("settled", f"by run {last['run_id']} on {last['routed_at']:%Y-%m-%d %H:%M} UTC"),
    ]


def _refused(row: dict[str, Any]) -> str:
    why = row["rule"].replace("_", " ") + (f": {row['detail']}" if row["detail"] else "")
    return f"line {row['line']} of {row['file_name']} ({row['received_at']:%Y-%m-%d}) is in quarantine: {why}"
