"""What a stopped vendor or department still lacks, in words: what was answered, what the next test takes, and how long."""

import math
from datetime import datetime
from typing import Any


def sentence(way: dict[str, Any], target: float, today: datetime) -> str:
    """One or two sentences from the columns of `ways_back`."""
    since = way["since"]
    if way["threshold"] is not None:
        return (
            f"Stopped on {since:%Y-%m-%d}; {_wrong(way)} random answers were wrong at the old threshold, and it is placed "
            f"again where the model is at least {1.0 / (1.0 + math.exp(-way['threshold'])):.1%} sure."
        )
    lacking = way["next_at"] - way["answers"]
    test = "the test takes" if not way["attempts"] else "the next test takes"
    parts = [f"Stopped on {since:%Y-%m-%d}; {way['answers']:,} of the {way['next_at']:,} random answers that {test}"]
    if way["wrong"]:
        parts.append(f"{way['wrong']:,} of them wrong")
    parts.append(_pace(way, lacking, max(1.0, (today - since).total_seconds() / 86_400)))
    return f"{', '.join(parts)}. {_verdict(way, target)}".strip()


def _wrong(way: dict[str, Any]) -> str:
    return f"{way['wrong']:,} of {way['answers']:,}"


def _pace(way: dict[str, Any], lacking: int, days: float) -> str:
    if way["answers"]:
        nights = math.ceil(lacking * days / way["answers"])
        pace = f"at the present rate in {nights:,} day{'s' if nights > 1 else ''}"
    else:
        pace = "none has come yet"
    return pace if not way["waiting"] else f"{pace}; {way['waiting']:,} drawn items wait for an answer"


def _verdict(way: dict[str, Any], target: float) -> str:
    """What answers alone will not mend is said, lest people go on answering in vain."""
    if way["attempts"] and way["wrong"] >= (1.0 - target) * way["answers"]:
        return f"Too many were wrong for {target:.0%}: more answers will hardly bring it back, a better model will (catalog train)."
    if way["attempts"]:
        return f"{way['attempts']:,} test{'s have' if way['attempts'] > 1 else ' has'} failed so far."
    return ""
