"""The names reviewers go by: one person is one name, however it is typed.

Who said something decides whether two looks are two people's and whether an answer corrects one's own or contradicts
another's. So `Anna`, `anna` and ` anna ` are one, under the spelling this workspace heard first.
"""

from collections.abc import Iterable

from catalog.errors import CatalogError
from catalog.review.decisions import ADJUDICATION, ANONYMOUS
from catalog.store import Store

# The spelling of a name, in any capitals, that was heard first.
HEARD = """
    SELECT arg_min(name, moment) FROM (
        SELECT who AS name, decided_at AS moment FROM decisions WHERE source IN ('review', 'correction')
        UNION ALL SELECT reviewer, exported_at FROM exports
    ) WHERE lower(name) = lower(?)
"""


def known(store: Store, text: str) -> str:
    """A reviewer's name as this workspace writes it. Raises CatalogError for none, and for the one the ledger uses itself."""
    name = " ".join(text.split())
    if not name or is_ledgers(name):
        raise CatalogError(
            f"{name!r} is no name of a reviewer.", remedy="Say who it is, so that answers are known: --reviewer NAME."
        )
    return name if name == ANONYMOUS else str(store.one(HEARD, [name]) or name)


def spellings(store: Store, names: Iterable[str]) -> dict[str, str]:
    """How this workspace writes each of these names; such as differ in capitals alone get the spelling of the first.

    Empty names and the ledger's own stay as they are.
    """
    named = [name for name in dict.fromkeys(names) if name.strip() and not is_ledgers(name)]
    first: dict[str, str] = {}
    for name in named:
        first.setdefault(_folded(name), known(store, name))
    return {name: first[_folded(name)] for name in named}


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def is_ledgers(name: str) -> bool:
    """True for the name under which the ledger notes that two answers disagree: nobody may answer in it."""
    return _folded(name) == ADJUDICATION
