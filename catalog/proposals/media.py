"""Below which folder or address pictures stand that a file names by their paths."""

import re
from collections import Counter
from urllib.parse import urlsplit

from catalog.proposals.choice import Choice
from catalog.proposals.form import Entry
from catalog.proposals.sample import Sample
from catalog.proposals.values import Values

_FEWEST = 3  # rows that must agree
_ADDRESS = re.compile(r"^https?://[^\s/?#@]+", re.IGNORECASE)
_NEXT = re.compile(r"[,;|\n]")


def image_base(choice: Choice, sample: Sample) -> list[Entry]:
    """`image_base` for pictures that are named by paths: sure where addresses in another column end in the same paths, a
    guess where other addresses only say whose site it is, or where paths begin at a root that nothing tells."""
    found = choice.chosen.get("images")
    column = (
        next((one for name in found.theirs if (one := sample.column(name)) and _paths(one)), None) if found else None
    )
    if found is None or column is None:
        return []
    links = [one for one in sample.columns if one is not column and one.urls > 0.5]
    for link in links:
        if base := _ending_alike(column, link):
            return [
                Entry("image_base", base, f"the addresses in {link.header!r} end in the paths in {column.header!r}")
            ]
    rooted = column.share(lambda cell: cell.startswith("/")) > 0.9
    if found.preset or not rooted:
        return []
    host, link = next(((host, link) for link in links if (host := _site(link))), ("", column))
    if host:
        unsure = f"the paths in {column.header!r} begin at the root of a site; is it this one, as in {link.header!r}"
        return [Entry("image_base", host, "", unsure)]
    unsure = (
        f"the paths in {column.header!r} begin at a root the file does not tell: put the pictures beside the feed, or write "
        "the address of that folder here"
    )
    return [Entry("image_base", ".", "", unsure)]


def _paths(column: Values) -> bool:
    """Whether a column names pictures by paths."""
    return column.picture_files > 0.6 and column.urls < 0.1


def _ending_alike(column: Values, link: Values) -> str:
    """What stands before the path in the address beside it, where that is the same in nearly all rows; else empty."""
    both = [(path.strip(), url.strip()) for path, url in zip(column.cells, link.cells, strict=True) if path and url]
    bases = Counter(_before(_NEXT.split(path)[0].strip(), url) for path, url in both)
    base, times = bases.most_common(1)[0] if bases else ("", 0)
    return base if times >= max(_FEWEST, 0.9 * len(both)) else ""


def _before(path: str, url: str) -> str:
    tail = path.replace("\\", "/").removeprefix("./").lstrip("/")
    bare = url.partition("?")[0].partition("#")[0]
    return bare.removesuffix(f"/{tail}") if tail and bare.endswith(f"/{tail}") and _ADDRESS.match(bare) else ""


def _site(link: Values) -> str:
    """The site that nearly all addresses of a column are of; empty when they are of several."""
    hosts = Counter(found[0] for cell in link.looked_at if (found := _ADDRESS.match(cell)))
    host, times = hosts.most_common(1)[0] if hosts else ("", 0)
    return host if times >= max(_FEWEST, 0.95 * len(link.looked_at)) and urlsplit(host).hostname else ""
