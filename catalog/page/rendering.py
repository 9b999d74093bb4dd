"""The page as HTML. Everything from outside is escaped, and every text works without a script."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from catalog.errors import CatalogError
from catalog.page.visitors import Key
from catalog.review.decisions import ADJUDICATION, ANONYMOUS

STATIC = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}
# What else can be said of an item than a category: the verdict, its key, its words, what it means.
VERDICTS = (
    ("none", "n", "No category fits", "asked again when there are other categories"),
    ("bad_data", "b", "Bad data", "not asked again until the item changes"),
    ("wrong_picture", "w", "Wrong picture", "not asked again until the item changes"),
    ("not_sellable", "x", "Not for sale", "not asked again until the item changes"),
    ("unsure", "d", "Don\N{RIGHT SINGLE QUOTATION MARK}t know", "somebody else is asked"),
    ("skip", "s", "Skip", "comes back later; nothing is stored"),
)
WORDS = frozenset(verdict for verdict, *_ in VERDICTS)
KEYS = (
    ("1 \N{EN DASH} 5", "the category on offer", ""),
    ("p", "the parent, and no deeper", ""),
    ("/", "search a category", "arrows and Enter choose, Escape leaves"),
    *((key, words.lower(), meaning) for _, key, words, meaning in VERDICTS),
    ("u", "undo", "takes back your last answer"),
    ("?", "these keys", ""),
)
_LONGEST_NAME = 60
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def page(template: str, key: Key, **facts: Any) -> str:
    """A page by the name of its template; `facts` are what the template names."""
    return _environment().get_template(template).render({"form_token": key.form, **facts})


def fragment(template: str, facts: Mapping[str, Any]) -> str:
    """A part of a page, for the script to put in its place."""
    return _environment().get_template(template).render(facts)


def refusal(status: int, sentence: str) -> str:
    """The page that says why nothing is shown."""
    return _environment().get_template("refused.html").render(status=status, sentence=sentence)


def static(name: str) -> bytes:
    """A file of `STATIC`."""
    return (resources.files("catalog.page") / "static" / name).read_bytes()


def own_name(text: str) -> str:
    """A reviewer's name as it is kept. Raises CatalogError for none, and for those the ledger uses itself."""
    name = " ".join(_CONTROL.sub(" ", text).split())[:_LONGEST_NAME].strip()
    if not name:
        raise CatalogError("There is no name.", remedy="Say who reviews, so that your answers are known as yours.")
    if name.casefold() in (ADJUDICATION, ANONYMOUS):
        raise CatalogError(
            f"The name {name!r} is kept for answers that nobody signed.", remedy="Take one that people know you by."
        )
    return name


def carried(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What a form sent, to be sent again as it is."""
    return [(name, value) for name, value in fields if name != "form_token"]


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("catalog.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals |= {"verdicts": VERDICTS, "keys": KEYS}
    return found
