"""What the review page does for its reviewers: lend, show, take answers, take them back.  `catalog review serve`

Each request opens the work database for its own moments, under the run lock, and lets go: the page may stay up for
weeks and a night that begins meanwhile waits for one request at most. While a night works here every request but the
search and the pictures raises Busy, and nothing of it has happened.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import CatalogError
from catalog.jobs import Job, end_run, now, start_run
from catalog.page.rendering import VERDICTS
from catalog.pictures.thumbnails import thumbnail
from catalog.placement import ledger
from catalog.review import leases, own_answers, review_ledger, reviewers, screens, undo
from catalog.review.review_queue import Waiting
from catalog.review.screens import Choice, Progress, Screen
from catalog.settings import Settings, Workspace
from catalog.sheets import Answer
from catalog.store import disk_trouble
from catalog.taxonomies.category_search import CategorySearch
from catalog.taxonomies.taxonomy import Taxonomy
from catalog.taxonomies.versions import current_version, latest_taxonomy
from pipelines import review
from pipelines.session import opened, passing

if TYPE_CHECKING:
    from catalog.review.telling import Telling

LENGTH = timedelta(minutes=30)
GROUPS, ITEMS = 10, 80  # lent at once; a screen has at most as many members
ASIDE = timedelta(hours=8)  # for which what a reviewer skipped or did not know is not shown to them again
PATIENCE = 1.5  # seconds a request waits for a run before it says that one is at work
SIDES = {"small": 160, "large": 640, "full": 1600}
_PICTURES_REMEMBERED = 5000
_ENCODED_REMEMBERED = 200


@dataclass(frozen=True)
class Said:
    """An answer as a browser sends it. kept: tokens of the members it is about; category: an id, or a verdict instead.
    submission: a name the screen was shown under, so that one sent twice is taken once."""

    kept: tuple[str, ...]
    verdict: str
    category: str
    note: str
    submission: str
    taxonomy_version: str


@dataclass(frozen=True)
class Told:
    """What became of the last answer. kind: done (it can be taken back), aside (nothing was
    said of it), again (something is shown again) or wrong."""

    kind: str
    text: str


@dataclass(frozen=True)
class View:
    """What a reviewer sees next; no screen when nothing is free. left: items that wait, whoever holds them; aside: those
    this reviewer skipped or did not know. last: the import of their last answer, to take it back."""

    screen: Screen | None
    progress: Progress
    left: int
    aside: int
    told: Told | None = None
    last: str | None = None


@dataclass
class _Ahead:
    """The screens of what a reviewer holds, the shown one first, as they were when they were last looked up.

    An item that changes while its screen waits here is found stale when it is answered, like one that changes on screen.
    """

    screens: list[Screen]
    until: datetime

    def without(self, tokens: frozenset[str]) -> "_Ahead":
        """What is left when these items need not be shown."""
        return _Ahead([screen for screen in self.screens if not screen.tokens & tokens], self.until)

    def stands(self, taxonomy_version: str) -> bool:
        """False when there is nothing, when it may be somebody else's soon, or when other categories are on offer."""
        fresh = [screen.taxonomy_version == taxonomy_version for screen in self.screens]
        return bool(fresh) and all(fresh) and self.until - now() > LENGTH / 2


@dataclass
class _Memory:
    """What is only convenient: lost with the process, and nothing is wrong then."""

    ahead: dict[str, _Ahead] = field(default_factory=dict)
    left: int = 0
    aside: dict[str, dict[tuple[str, str, str], datetime]] = field(default_factory=dict)  # items, and since when
    pictures: OrderedDict[str, tuple[str, str]] = field(default_factory=OrderedDict)
    encoded: OrderedDict[tuple[str, int], bytes | None] = field(default_factory=OrderedDict)
    search: CategorySearch | None = None
    telling: "Telling | None" = None
    telling_of: tuple[str | None, str] = (None, "")  # its model and the version of the categories


class Desk:
    """The review queue behind one page. Its methods may be called from several threads."""

    def __init__(self, workspace: Workspace, settings: Settings, run_id: str, *, explain: bool = False) -> None:
        self.workspace = workspace
        self.settings = settings
        self.run_id = run_id
        self.explain = explain
        self._turn = threading.Lock()
        self._decoding = threading.Lock()
        self._memory = _Memory()

    @classmethod
    def at(cls, root: Path, *, explain: bool = False) -> "Desk":
        """Begins a run in a workspace, under which all of the page's answers stand. explain: each screen says what moved the
        model and which labelled products are most alike.

        Raises Busy when another run holds it, CatalogError when it is no workspace, has no taxonomy, or nothing that
        serves can explain itself.
        """
        with opened(root) as session:
            run_id = start_run(session.store, "review page", key=ledger.digest("review page", now()), plan="[]")
            desk = cls(session.workspace, session.settings, run_id, explain=explain)
            search = desk._remember_categories(session.job(run_id))
            if explain:
                desk._memory.telling = review.explaining(session.job(run_id))
                desk._memory.telling_of = (ledger.current_model(session.store), search.taxonomy.version)
        return desk

    def close(self) -> None:
        """Ends the run; a run that holds the workspace just now leaves it open, which harms nothing."""
        with self._job() as job:
            end_run(job.store, self.run_id, "done")

    @contextmanager
    def _job(self) -> Iterator[Job]:
        try:
            with self._turn, passing(self.workspace, self.settings, self.run_id, patience=PATIENCE) as job:
                yield job
        except CatalogError:
            raise
        except Exception as error:
            if (trouble := disk_trouble(error)) is not None:  # a reviewer is told what is wrong, not that something is
                raise trouble from error
            raise

    def view(self, reviewer: str) -> View:
        """What a reviewer holds, or what is lent to them now."""
        with self._job() as job:
            reviewer = reviewers.known(job.store, reviewer)
            return self._next(job, reviewer)

    def answer(self, reviewer: str, said: Said) -> View:
        """Records an answer, or says why not, and gives the next screen; both are in the database before it shows."""
        with self._job() as job:
            reviewer = reviewers.known(job.store, reviewer)
            told = self._recorded(job, reviewer, said)
            if said.verdict == "unsure":  # asked again, but first of somebody else
                self._set_aside(job, reviewer, said.kept)
            ahead = self._memory.ahead.get(reviewer)
            # members that were taken out are shown next, and what is shown again as well: both are looked up
            whole = told.kind == "done" and ahead is not None and set(said.kept) in [s.tokens for s in ahead.screens]
            return self._next(job, reviewer, told, passed=frozenset(said.kept) if whole else frozenset())

    def skip(self, reviewer: str, tokens: tuple[str, ...]) -> View:
        """Gives items back; this reviewer sees them again when nothing else is free and they ask for them."""
        with self._job() as job:
            reviewer = reviewers.known(job.store, reviewer)
            leases.give_back(job, reviewer, tokens)
            self._set_aside(job, reviewer, tokens)
            told = Told("aside", f"{_items(len(tokens))} skipped; nothing is stored.") if tokens else None
            return self._next(job, reviewer, told, passed=frozenset(tokens))

    def look_again(self, reviewer: str) -> View:
        """Shows what was skipped or not known."""
        with self._job() as job:
            reviewer = reviewers.known(job.store, reviewer)
            self._memory.aside.pop(reviewer, None)
            return self._next(job, reviewer)

    def undo(self, reviewer: str, import_id: str) -> View:
        """Takes back the reviewer's last answer, if it is still this one, and shows its items again."""
        with self._job() as job, job.store.exclusive():
            reviewer = reviewers.known(job.store, reviewer)
            if own_answers.last_answer(job, reviewer) != import_id:
                return self._next(
                    job, reviewer, Told("wrong", "That was taken back already, or is not your last answer.")
                )
            items = own_answers.offered_for(job, import_id)
            undo.undo(job, import_id, undo.By(reviewer))
            again = own_answers.lend_again(job, reviewer, items, LENGTH)
            later = "" if again else " What it was about returns to the queue with the next run."
            return self._next(job, reviewer, Told("again", f"Taken back: {_items(len(items))}.{later}"))

    def find(self, query: str, limit: int = 12) -> list[Choice]:
        """Categories meant by a few words; needs no database."""
        search = self._memory.search
        return [] if search is None else screens.choices(search.taxonomy, search.find(query, limit))

    def picture(self, token: str, side: int) -> bytes | None:
        """The picture of an item that was shown, as JPEG; None when there is none."""
        known = self._memory.pictures.get(token)
        if known is None:
            return None
        with self._decoding:  # one at a time: a large picture takes 150 MB while it is decoded
            key = (known[1], side)
            if key not in self._memory.encoded:
                self._memory.encoded[key] = thumbnail(known[0], side, sha256=known[1])
                _trim(self._memory.encoded, _ENCODED_REMEMBERED)
            return self._memory.encoded[key]

    def _recorded(self, job: Job, reviewer: str, said: Said) -> Told:
        if not said.kept:
            return Told("wrong", "Nothing was decided: no item of the group was left in.")
        if said.category and said.taxonomy_version != current_version(job.store):
            return Told("again", "The categories have changed meanwhile. Nothing was decided; please look again.")
        first, *others = said.kept
        answers = [Answer(1, first, said.verdict, said.category, said.note)]
        answers += [Answer(line, token) for line, token in enumerate(others, start=2)]
        again = 0
        with job.store.exclusive():
            report = review.answer(job, answers, submission=_submission(said), reviewer=reviewer)
            if report.counts.get("stale") or report.counts.get("conflicts"):
                items = list(review_ledger.offered(job.store, said.kept).values())
                again = own_answers.lend_again(job, reviewer, items, LENGTH)
        return self._told(report, said, again)

    def _told(self, report: review.ImportReport, said: Said, again: int) -> Told:
        if report.problems:
            first = report.problems[0]
            return Told("wrong", f"Nothing was decided: {first.problem}. {first.suggestion}".strip())
        counts = report.counts
        self._memory.left -= counts.get("applied", 0)
        said_of = [f"{_items(counts['applied'])}: {self._meant(said)}."] if counts.get("applied") else []
        if counts.get("stale"):
            said_of.append("What changed meanwhile was not decided.")
        if counts.get("conflicts"):
            said_of.append("Somebody else has said something else meanwhile: both answers are kept.")
        if counts.get("stale") or counts.get("conflicts"):
            return Told(
                "again", " ".join([*said_of, "Please look again." if again else "It comes back with the next run."])
            )
        return Told("done", " ".join(said_of) or "That was taken already.")

    def _meant(self, said: Said) -> str:
        search = self._memory.search
        if said.category and search is not None and said.category in search.taxonomy:
            return search.taxonomy.path(said.category)
        return next((words.lower() for verdict, _, words, _ in VERDICTS if verdict == said.verdict), said.category)

    def _next(self, job: Job, reviewer: str, told: Told | None = None, *, passed: frozenset[str] = frozenset()) -> View:
        """The next screen: after `passed` the one prepared, else what the database says is next."""
        search = self._remember_categories(job)
        ahead = self._memory.ahead.pop(reviewer, _Ahead([], now())).without(passed)
        if not passed or not ahead.stands(search.taxonomy.version):
            ahead = self._looked_up(job, reviewer, search.taxonomy)
            self._memory.left = screens.left(job.store)
        self._memory.ahead[reviewer] = ahead
        aside = len(self._aside(reviewer))
        done = screens.progress(job.store, reviewer, _this_morning())
        last = own_answers.last_answer(job, reviewer)
        return View(ahead.screens[0] if ahead.screens else None, done, self._memory.left, aside, told, last)

    def _looked_up(self, job: Job, reviewer: str, taxonomy: Taxonomy) -> _Ahead:
        """What a reviewer holds; when that is nothing, what is lent now."""
        held = leases.resume(job, reviewer)
        # what was lent last comes first, so that what came back is seen at once
        rows, until = sorted(held.rows, key=lambda row: row.queued_at, reverse=True), held.until
        if rows and until - now() < LENGTH * 0.6:
            leases.renew(job, reviewer, LENGTH)
            until = now() + LENGTH
        if not rows:
            rows, until = self._lent(job, reviewer)
        shown = screens.prepared(job.store, taxonomy, self._explained(job, taxonomy, rows))
        for screen in shown:
            self._memory.pictures.update({item.token: item.picture for item in screen.items if item.picture})
        _trim(self._memory.pictures, _PICTURES_REMEMBERED)
        return _Ahead(shown, until)

    def _explained(self, job: Job, taxonomy: Taxonomy, rows: list[Waiting]) -> list[Waiting]:
        """The rows, the first of each group with what moved the model, where the page was told to say so."""
        model = ledger.current_model(job.store)
        if not self.explain or not rows or model is None or ledger.is_foreign(job.store, model):
            return rows
        memory = self._memory
        if memory.telling is None or memory.telling_of != (model, taxonomy.version):
            memory.telling, memory.telling_of = review.explaining(job), (model, taxonomy.version)
        lead = list({row.group_token: row for row in reversed(rows)}.values())
        told = {row.token: row for row in memory.telling.told(job.store, lead)}
        return [told.get(row.token, row) for row in rows]

    def _lent(self, job: Job, reviewer: str) -> tuple[list[Waiting], datetime]:
        """The next rows of the queue but those set aside, which go back at once."""
        aside = self._aside(reviewer)
        more = len(aside)
        wanted = leases.Wanted(reviewer, LENGTH, items=ITEMS + more, groups=GROUPS + more)
        lent = leases.take(job, wanted)
        back = [row.token for row in lent.rows if (row.vendor, row.item_id, row.input_hash) in aside]
        if back:
            leases.give_back(job, reviewer, back)
        return [row for row in lent.rows if row.token not in back], lent.until

    def _set_aside(self, job: Job, reviewer: str, tokens: Iterable[str]) -> None:
        items = review_ledger.offered(job.store, tokens).values()
        aside = self._memory.aside.setdefault(reviewer, {})
        aside.update({(row.vendor, row.item_id, row.input_hash): now() for row in items})

    def _aside(self, reviewer: str) -> dict[tuple[str, str, str], datetime]:
        kept = self._memory.aside.get(reviewer, {})
        self._memory.aside[reviewer] = {item: since for item, since in kept.items() if now() - since < ASIDE}
        return self._memory.aside[reviewer]

    def _remember_categories(self, job: Job) -> CategorySearch:
        """Taxonomy and search of the version that counts now, built once."""
        known = self._memory.search
        if known is None or known.taxonomy.version != current_version(job.store):
            known = self._memory.search = CategorySearch(latest_taxonomy(job.store)).prepared()
        return known


def _trim(remembered: OrderedDict, most: int) -> None:
    while len(remembered) > most:
        remembered.popitem(last=False)


def _items(number: int) -> str:
    return "1 item" if number == 1 else f"{number} items"


def _submission(said: Said) -> str:
    """The answer's name: the screen and what was said, so that only the very same answer counts as sent twice."""
    facts = "\x1f".join((said.submission, said.verdict, said.category, *sorted(said.kept)))
    return hashlib.sha256(facts.encode()).hexdigest()


def _this_morning() -> datetime:
    """Midnight where this machine stands."""
    return datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
