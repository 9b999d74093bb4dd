"""What the rows of a returned sheet mean: verdicts, problems with a suggestion, and what may replace what.

Two rules keep decisions from being lost or silently overwritten. A decision binds to the content its row was written
for. And a sheet written after a decision may replace it, while a sheet written before it can only disagree with it:
then both stay and the item returns to the queue.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from rapidfuzz import fuzz, process, utils

from catalog import tokens
from catalog.sheets import Answer
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy

VERDICTS = ("none", "unsure", "bad_data", "wrong_picture", "not_sellable", "skip")
# What a reviewer may write, and what it means.
MEANINGS = {
    "accept": "candidate_1",
    **{str(n): f"candidate_{n}" for n in range(1, 6)},
    "parent": "the parent named in the sentence, and no deeper",
    "none": "no category fits; asked again when there are other categories",
    "unsure": "no opinion; asked again",
    "bad_data": "the data is at fault; not asked again until the item changes",
    "wrong_picture": "the picture is at fault; not asked again until the item changes",
    "not_sellable": "it is not for sale; not asked again until the item changes",
    "skip": "left for now; nothing is stored",
}
WORDS = ("accept", "1", "2", "3", "4", "5", "parent", *VERDICTS)
ANONYMOUS = "reviewer"
ADJUDICATION = "adjudication"
_ALIKE = 60.0  # of 100: a letter or two are wrong
_SAME_WORDS = 85.0  # words of a path, in any order
_DIGIT = re.compile(r"^([1-9])(?:[.,]0*)?$")


@dataclass(frozen=True)
class Offered:
    """A row as it was exported, with what its item is now. `live_hash` is None when the item is gone.

    `first_look`: who has spoken against the placement it audits, where a second reviewer has not looked yet.
    """

    export_id: str
    token: str
    group_token: str
    vendor: str
    item_id: str
    input_hash: str
    candidates: tuple[str, ...]
    parent_id: str | None
    blind: bool
    exported_at: datetime
    live_hash: str | None = None
    control: bool = False
    first_look: str | None = None

    @property
    def stale(self) -> bool:
        """True when the item is no longer what the reviewer saw."""
        return self.live_hash != self.input_hash


@dataclass(frozen=True)
class Problem:
    """A row that cannot be applied: where, why, and what was probably meant. Line 0 means the whole sheet."""

    line: int
    token: str
    column: str
    problem: str
    suggestion: str = ""

    def __str__(self) -> str:
        hint = f" ({self.suggestion})" if self.suggestion else ""
        return f"row {self.line}, {self.column}: {self.problem}{hint}"


@dataclass(frozen=True)
class Decision:
    """A verdict on one item. `category_id` only with the verdict `category`; `through_group` when no one answered
    this very row but the first filled row of its group."""

    offered: Offered
    line: int
    verdict: str
    category_id: str | None
    who: str
    note: str = ""
    through_group: bool = False


@dataclass(frozen=True)
class Standing:
    """A decision already on record about the same item."""

    verdict: str
    category_id: str | None
    who: str | None
    decided_at: datetime


class Reader:
    """Turns answers into verdicts under one version of the taxonomy."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self.taxonomy = taxonomy

    def verdict(self, answer: Answer, offered: Offered) -> tuple[str, str | None] | Problem:
        """(verdict, category id or None) of a filled row, or the problem with it."""
        said = self._decision(answer, offered) if answer.decision else None
        if isinstance(said, Problem) or not answer.category:
            return said or _problem(answer, "decision", "is empty")
        named = self._category(answer)
        if isinstance(named, str):
            if said is not None and said != ("category", named):
                return _problem(answer, "decision", "contradicts the column category", "Fill one of the two columns.")
            return "category", named
        return named

    def _decision(self, answer: Answer, offered: Offered) -> tuple[str, str | None] | Problem:
        word = _word(answer.decision)
        if word in VERDICTS:
            return word, None
        if word == "parent":
            return self._offer(answer, offered, offered.parent_id if not offered.blind else None)
        digit = _DIGIT.match(word)
        if word == "accept" or digit:
            place = int(digit[1]) if digit else 1
            return self._offer(
                answer, offered, offered.candidates[place - 1] if place <= len(offered.candidates) else None
            )
        near = process.extractOne(word, WORDS, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        hint = near[0] if near else f"one of {', '.join(WORDS)}; a category belongs in the column category"
        return _problem(answer, "decision", f"there is no decision {answer.decision!r}", hint)

    def _offer(self, answer: Answer, offered: Offered, category_id: str | None) -> tuple[str, str | None] | Problem:
        if category_id is None:
            hint = f"{_on_offer(offered)}; fill the column category with an id, a path or a leaf name."
            return _problem(answer, "decision", f"this row does not offer {answer.decision!r}", hint)
        if category_id not in self.taxonomy:
            hint = "Export the sheet again; the categories have changed since."
            return _problem(answer, "decision", f"the category {category_id} no longer exists", hint)
        return self._assignable(answer, "decision", category_id) or ("category", category_id)

    def _category(self, answer: Answer) -> str | Problem:
        found = self.taxonomy.resolve(answer.category)
        if found is None:
            return _problem(answer, "category", f"there is no category {answer.category!r}", self.near(answer.category))
        return self._assignable(answer, "category", found) or found

    def _assignable(self, answer: Answer, column: str, category_id: str) -> Problem | None:
        if self.taxonomy.assignable(category_id):
            return None
        path = self.taxonomy.path(category_id)
        below = [other for other in self._paths if other.startswith(path + SEPARATOR)]
        return _problem(answer, column, f"products cannot stand at {path}", " | ".join(below[:3]))

    def near(self, text: str) -> str:
        """Categories probably meant: a leaf name that occurs several times, an id whose zeros a spreadsheet dropped,
        or a similar name or path."""
        folded = text.strip().casefold()
        same = self._by_name.get(folded) or self._by_bare_id.get(folded.lstrip("0"))
        if not same:
            near = _nearest(folded, [*self._by_name, *self._by_path], fuzz.ratio, _ALIKE)
            near = near or _nearest(folded, self._by_path, fuzz.token_sort_ratio, _SAME_WORDS)
            same = [path for name in near for path in self._by_name.get(name) or [self._by_path[name]]]
        return " | ".join(dict.fromkeys(same[:3]))

    @cached_property
    def _paths(self) -> list[str]:
        return self.taxonomy.nodes["path"].to_list()

    @cached_property
    def _by_path(self) -> dict[str, str]:
        return {path.casefold(): path for path in self._paths}

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name, path in self.taxonomy.nodes.select("name", "path").iter_rows():
            names.setdefault(name.casefold(), []).append(path)
        return names

    @cached_property
    def _by_bare_id(self) -> dict[str, list[str]]:
        ids: dict[str, list[str]] = {}
        for category_id in self.taxonomy.nodes["category_id"]:
            if category_id.startswith("0"):
                ids.setdefault(category_id.lstrip("0").casefold(), []).append(category_id)
        return ids


def _nearest(text: str, choices: Iterable[str], scorer: Callable[..., float], least: float) -> list[str]:
    """The two choices most like a text, the likest first; of equally like ones the first by name."""
    found = process.extract(
        text, sorted(choices), scorer=scorer, processor=utils.default_process, score_cutoff=least, limit=2
    )
    return [choice for choice, _, _ in found]


def settle(
    answers: Sequence[Answer], offered: dict[str, Offered], reader: Reader, *, reviewer: str | None = None
) -> tuple[list[Decision], list[Problem]]:
    """The decisions of one sheet: own answers first, then the first filled row of a group for the group's empty rows.

    `offered` maps tokens to their exported rows. Rows without an answer and without a settled group yield nothing;
    `skip` yields nothing either and does not lead its group. Hidden (blind) rows neither lead nor follow.
    """
    decisions: list[Decision] = []
    problems: list[Problem] = []
    leaders: dict[str, Decision | None] = {}
    for answer in _once(answers, problems):
        row = offered.get(answer.token)
        if row is None:
            problems.append(_unknown(answer))
            continue
        if not answer.filled:
            continue
        said = _nobody(answer) or reader.verdict(answer, row)
        if isinstance(said, Problem):
            problems.append(said)
            leaders.setdefault(row.group_token, None)
        elif said[0] != "skip":
            own = Decision(row, answer.line, *said, who=answer.reviewer or reviewer or ANONYMOUS, note=answer.note)
            leaders.setdefault(row.group_token, own)
            decisions.append(own)
    return decisions + _followers(answers, offered, leaders), problems


def _followers(
    answers: Iterable[Answer], offered: dict[str, Offered], leaders: dict[str, Decision | None]
) -> list[Decision]:
    """One decision per empty row whose group has a leader. A leader that could not be read leaves its group open."""
    found: dict[str, Decision] = {}
    filled = {answer.token for answer in answers if answer.filled}
    for answer in answers:
        row = offered.get(answer.token)
        leader = leaders.get(row.group_token) if row and not row.blind else None
        if row and leader and answer.token not in filled and not leader.offered.blind:
            found[answer.token] = replace(leader, offered=row, line=answer.line, note=answer.note, through_group=True)
    return list(found.values())


def _once(answers: Sequence[Answer], problems: list[Problem]) -> list[Answer]:
    """Each token once. A copied row that says the same is dropped; of rows that say different things none counts, for
    which of them is meant only their writer knows."""
    first: dict[str, Answer] = {}
    at_odds: set[str] = set()
    for answer in answers:
        if not answer.token and not answer.filled:
            continue
        if not answer.token:
            problems.append(_problem(answer, "token", "is empty", "Copy the token from the exported sheet."))
            continue
        seen = first.setdefault(answer.token, answer)
        if answer.filled and not seen.filled:
            first[answer.token] = answer
        elif answer.filled and _plain(seen) != _plain(answer):
            at_odds.add(answer.token)
            problems.append(
                _problem(answer, "token", f"answered differently in row {seen.line}", "Keep one of the rows.")
            )
    return [replace(one, decision="", category="") if one.token in at_odds else one for one in first.values()]


def _plain(answer: Answer) -> tuple[str, str]:
    """What a row says, as far as its spelling does not matter."""
    word = _word(answer.decision)
    return "1" if word == "accept" else word, answer.category.casefold()


def _word(decision: str) -> str:
    return "_".join(decision.casefold().replace("-", " ").split())


def _nobody(answer: Answer) -> Problem | None:
    """The ledger's own name in the column reviewer: it would block every later answer about the item."""
    if answer.reviewer.casefold() != ADJUDICATION:
        return None
    return _problem(answer, "reviewer", f"no reviewer is called {answer.reviewer!r}", "Write who decided, or nothing.")


def _unknown(answer: Answer) -> Problem:
    if tokens.well_formed(answer.token):
        hint = "Import the sheet in the workspace that wrote it."
        return _problem(answer, "token", "belongs to no sheet of this workspace", hint)
    return _problem(answer, "token", "is mistyped or cut off", "Copy the token from the exported sheet.")


def _on_offer(offered: Offered) -> str:
    most = len(offered.candidates)
    words = ["1" if most == 1 else f"1 to {most}"] if most else []
    words += ["parent"] if offered.parent_id and not offered.blind else []
    return f"It offers {' and '.join(words)}" if words else "It offers no category"


def _problem(answer: Answer, column: str, problem: str, suggestion: str = "") -> Problem:
    return Problem(answer.line, answer.token, column, problem, suggestion)


def outcome(decision: Decision, history: Sequence[Standing]) -> str:
    """What recording a decision amounts to: `stale`, `repeated`, `applied` or `conflict`.

    `history` holds earlier decisions on the item, oldest first. A conflict is a sheet older than the standing
    answer of somebody else, saying something else; anonymous reviewers are never taken for the same person.
    """
    if decision.offered.stale:
        return "stale"
    first = decision.offered.first_look
    if first is not None and (first != decision.who or first == ANONYMOUS) and decision.verdict in ("category", "none"):
        return "applied"  # a second look disagrees with nothing that stands, whenever its sheet was written
    said = Standing(decision.verdict, decision.category_id, decision.who, decision.offered.exported_at)
    return weigh(said, decision.offered.exported_at, history)


def weigh(said: Standing, written_at: datetime, history: Sequence[Standing]) -> str:
    """`repeated`, `applied` or `conflict`: what an answer from a sheet written at that time amounts to."""
    meant = (said.verdict, said.category_id)
    unseen = [past for past in history if past.decided_at >= written_at]
    if any(past.who == said.who and (past.verdict, past.category_id) == meant for past in _latest(unseen)):
        return "repeated"
    if any(past.who == ADJUDICATION for past in unseen):
        return "conflict"
    last = unseen[-1] if unseen else None
    if last is None or last.verdict in ("unsure", "retired") or (last.verdict, last.category_id) == meant:
        return "applied"
    return "applied" if last.who == said.who != ANONYMOUS else "conflict"


def _latest(history: Iterable[Standing]) -> list[Standing]:
    """The last word of each reviewer."""
    return list({past.who: past for past in history}.values())
