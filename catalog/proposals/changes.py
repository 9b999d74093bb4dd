"""What has changed in a vendor's file since its form was written, and the form with those changes made."""

import difflib
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from catalog.proposals.form import comment, kept_header, line, literal
from catalog.proposals.headers import columns, meaning, words
from catalog.proposals.proposal import Proposal, entry_of

_ALIKE = 0.72
_TOP = re.compile(r"^\s*\[")


@dataclass(frozen=True)
class Changes:
    """Their columns that came, went, or (old, new) have another name now; and the form before and after."""

    added: list[str]
    removed: list[str]
    renamed: list[tuple[str, str]]
    before: str
    after: str

    @property
    def diff(self) -> str:
        """The form's changes as a unified diff; empty when there is none."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            "the form now",
            "the form for this file",
        )
        return "".join(part if part.endswith("\n") else part + "\n" for part in lines)

    @property
    def text(self) -> str:
        """Columns and diff for a person to read."""
        said = [f"renamed  {old!r} -> {new!r}" for old, new in self.renamed]
        said += [f"removed  {name!r}" for name in self.removed] + [f"added    {name!r}" for name in self.added]
        head = "\n".join(said) if said else "The file has the columns the form knows."
        return f"{head}\n\n{self.diff}" if self.diff else head


def changes(before: str, proposal: Proposal) -> Changes:
    """Compares a form with what is proposed for a file of today. What a person wrote into the form stays.

    Raises tomllib.TOMLDecodeError when the form cannot be read.
    """
    form = tomllib.loads(before)
    used = _used(form.get("columns", {}))
    known = kept_header(before) or used
    now = proposal.header
    gone = [name for name in dict.fromkeys([*known, *used]) if name and name not in now]
    fresh = [name for name in dict.fromkeys(now) if name and name not in known] if kept_header(before) else []
    came = fresh or [name for name in dict.fromkeys(now) if name and name not in used]
    renamed = _renamed(gone, came, _stand_ins(form.get("columns", {}), proposal))
    removed = [name for name in gone if name not in {old for old, _ in renamed}]
    added = [name for name in fresh if name not in {new for _, new in renamed}]
    after = _edited(before, proposal, form, renamed, [name for name in removed if name in used])
    return Changes(added, removed, renamed, before, after)


def _used(section: dict[str, Any]) -> list[str]:
    """The columns that [columns] needs: every name, but no alternatives and nothing that is read where it happens to be."""
    parts = [part for theirs in section.values() for part in (theirs if isinstance(theirs, list) else [theirs])]
    return [name for part in parts for name in _needed(part) if name != "*"]


def _needed(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    if not isinstance(part, dict) or not part.get("required", True) or "each" in part:
        return []
    if "first" in part:
        return part["first"] if len(part["first"]) == 1 else []
    names = [part.get("packed"), part.get("name"), part.get("value")]
    return [name for name in names if name and "{n}" not in name]


def _stand_ins(section: dict[str, Any], proposal: Proposal) -> set[tuple[str, str]]:
    """(old, new): the form's column for one of ours, and the one the file of today would be given for it."""
    chosen = proposal.choice.chosen
    return {
        (section[ours], one.theirs[0])
        for ours, one in chosen.items()
        if isinstance(section.get(ours), str) and len(one.theirs) == 1 and isinstance(one.theirs[0], str)
    }


def _renamed(gone: list[str], came: list[str], stand_ins: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of an old and a new name that read alike, or mean the same column of ours, the likest first."""
    pairs_of = ((old, new) for old in gone for new in came)
    scored = sorted(
        ((max(_alike(*pair), 0.9 * (pair in stand_ins)), *pair) for pair in pairs_of), key=lambda one: -one[0]
    )
    pairs: list[tuple[str, str]] = []
    for score, old, new in scored:
        if score >= _ALIKE and all(old != one and new != other for one, other in pairs):
            pairs.append((old, new))
    return pairs


def _alike(old: str, new: str) -> float:
    if words(old) == words(new):
        return 1.0
    same = max(min(meaning(old, ours).score, meaning(new, ours).score) for ours in columns())
    return max(0.95 * same, difflib.SequenceMatcher(None, " ".join(words(old)), " ".join(words(new))).ratio())


def _edited(
    before: str, proposal: Proposal, form: dict[str, Any], renamed: list[tuple[str, str]], gone: list[str]
) -> str:
    """The form with new names and new dialect, without columns that are gone; what it lacks is offered as comments."""
    lines = [one if kept_header(one) else _without(_with_names(one, renamed), gone) for one in before.splitlines()]
    lines = _with_settings(lines, proposal, form)
    lines = _with_offers(lines, proposal, form)
    return "\n".join(lines) + "\n"


def _with_names(one: str, renamed: list[tuple[str, str]]) -> str:
    for old, new in renamed:
        for written in {literal(old), f"'{old}'"}:
            one = one.replace(written, literal(new))
    return one


def _without(one: str, gone: list[str]) -> str:
    """A line without columns that are gone: commented out where it says nothing else. The id is left for a person."""
    for name in gone:
        said = re.escape(literal(name))
        if re.match(rf"\s*(?!item_id)\w+\s*=\s*(\[\s*)?{said}\s*(\]\s*)?(#.*)?$", one):
            return f"# gone from the file: {one.strip()}"
        if "[" in one or re.match(rf"\s+{said},\s*$", one):
            one = re.sub(rf"{said}\s*,\s*|,\s*{said}(?=\s*\])", "", one)
    return one


def _with_settings(lines: list[str], proposal: Proposal, form: dict[str, Any]) -> list[str]:
    """Keys at the top whose value the file contradicts. A preset's own settings are left alone."""
    for entry in proposal.settings:
        if entry.off or form.get(entry.key) == entry.value or (entry.key not in form and "preset" in form):
            continue
        at = next((n for n, one in enumerate(lines) if re.match(rf"\s*{entry.key}\s*=", one)), None)
        if at is None and _is_default(entry.key, entry.value):
            continue
        lines = [line(entry), *lines] if at is None else [*lines[:at], line(entry), *lines[at + 1 :]]
    return lines


def _is_default(key: str, value: object) -> bool:
    return (key, value) in {("encoding", "utf-8"), ("delimiter", ","), ("quote", '"'), ("header_row", 1)}


def _with_offers(lines: list[str], proposal: Proposal, form: dict[str, Any]) -> list[str]:
    """The columns kept for the next comparison, and what could be mapped besides."""
    lacking = [one for ours, one in proposal.choice.chosen.items() if ours not in form.get("columns", {"": ""})]
    if "preset" not in form:
        lines = [*lines, *(f"# could be added under [columns]: {comment(line(entry_of(one)))}" for one in lacking)]
    kept = [one for one in lines if not kept_header(one)]
    last = proposal.text.splitlines()[-1]
    return [*kept, last] if kept_header(last) else kept
