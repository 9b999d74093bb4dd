"""Asks whether everything that must hold does, and says in one line each what does not."""

from dataclasses import dataclass

from catalog.errors import CatalogError
from catalog.integrity.invariants import INVARIANTS, Invariant
from catalog.integrity.inventory import INVENTORIES, Files, Inventory
from catalog.settings import Workspace
from catalog.store import Store


@dataclass(frozen=True)
class Scope:
    """What is asked about. run_id: what that run wrote, None for everything; settled: nothing was said since the last
    night, or this is one; closed: no night is under way."""

    run_id: str | None
    settled: bool
    closed: bool


@dataclass(frozen=True)
class Checked:
    """One thing asked. violations: how many, with an example and the remedy; `skipped` says why it was not asked."""

    name: str
    holds: str
    violations: int = 0
    example: str = ""
    remedy: str = ""
    skipped: str = ""

    def line(self) -> str:
        """The finding in words."""
        if self.skipped:
            return f"--   {self.name:<18} not asked: {self.skipped}"
        if not self.violations:
            return f"ok   {self.name:<18} {self.holds}"
        more = f" and {self.violations - 1:,} more" if self.violations > 1 else ""
        return f"BROKEN {self.name}: it does not hold that {self.holds} ({self.example}{more}). {self.remedy}"


def verify(store: Store, workspace: Workspace, scope: Scope) -> list[Checked]:
    """Every invariant, those of the facts first, then what is held against files. Nothing is changed."""
    unreadable = ""
    found = [ask(store, rule, scope, "") for rule in INVARIANTS if rule.needs in ("facts", "settled")]
    shown = [rule for rule in INVARIANTS if rule.needs in ("shown", "closed")]
    if not workspace.published_db.exists():
        found += [Checked(rule.name, rule.holds, skipped="nothing is published yet") for rule in shown]
    else:
        try:
            with store.beside(workspace.published_db, "shown") as tables:
                old = "" if "category_changes" in tables else "the published file was written by an older version"
                found += [ask(store, rule, scope, old) for rule in shown]
        except CatalogError as error:
            unreadable = error.message
    if unreadable:
        found.append(
            Checked(
                "published_readable", "the published file can be read", 1, unreadable, "Publish again: catalog publish."
            )
        )
    files = Files(workspace, store, scope.run_id, scope.closed)
    return found + [look(files, rule) for rule in INVENTORIES if rule.nightly or scope.run_id is None]


def look(files: Files, rule: Inventory) -> Checked:
    """Whether one thing holds of the files."""
    names = list(rule.found(files))
    return Checked(rule.name, rule.holds, len(names), next(iter(names), ""), rule.remedy)


def ask(store: Store, rule: Invariant, scope: Scope, old: str = "") -> Checked:
    """Whether one invariant holds. `old` says why it cannot be asked of this published file."""
    skipped = old
    if rule.needs in ("settled", "closed") and not scope.settled:
        skipped = "something was said since the last night; the next one settles it"
    elif rule.needs == "closed" and not scope.closed:
        skipped = "a night is under way; catalog nightly finishes it"
    if skipped:
        return Checked(rule.name, rule.holds, skipped=skipped)
    statement = rule.sql
    found = store.query(
        f"SELECT count(*), min(said) FROM ({statement}) AS found(said)",
        {"run": scope.run_id} if "$run" in statement else {},
    )
    violations, example = found.row(0)
    return Checked(rule.name, rule.holds, violations, example or "", rule.remedy)
