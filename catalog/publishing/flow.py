"""Where the rows of a run went, as a flow: received, taken, what was new about them, where they ended. Widths to scale."""

from collections.abc import Iterable
from dataclasses import dataclass

from catalog.publishing import svg
from catalog.publishing.svg import Words

NOT_TAKEN = ("refused", "held", "repeated", "undone")
_STATUS = ("new", "changed", "unchanged", "deleted", "duplicate", "quarantine")
_OUTCOME = ("placed", "decided", "placed_at_parent", "review", "withdrawn", "unsettled")
_ENDS = ("duplicate", "quarantine")  # nothing follows: the row itself is the end
_NAMES = {
    "placed_at_parent": "at a parent",
    "quarantine": "left out",
    "deleted": "deletions",
    "review": "to a person",
    "undone": "taken back",
    "repeated": "same file again",
}
_TALL = 200  # units that all rows together are high
_SLOT = 33  # room for two lines of text beside a node, however few rows it has
_GAP = 8
_NODE = 9


@dataclass
class _Node:
    key: str
    rows: int
    x: float
    y: float
    left: float = 0  # where the next ribbon arrives, from the node's top
    right: float = 0


def diagram(flows: Iterable[dict], words: Words, *, width: int) -> str:
    """flows: status, outcome, rows as the question `flow` answers. Raises ValueError when nothing came."""
    links = _links(flows)
    columns = _columns(links)
    total = sum(node.rows for node in columns[0].values())
    if not total:
        raise ValueError("nothing came in this run")
    scale = _TALL / total
    height = _placed(columns, scale, width)
    parts = [_ribbon(columns, link, scale) for link in links]
    nodes = [node for column in columns for node in column.values()]
    parts += [svg.box(n.x, n.y, _NODE, max(n.rows * scale, 1), f"f-{n.key}") for n in nodes]
    for node in nodes:
        middle = node.y + max(min(node.rows * scale, _TALL) / 2, 11) - 3
        parts.append(svg.text(node.x + _NODE + 5, middle, _NAMES.get(node.key, node.key), kind="small halo strong"))
        parts.append(svg.text(node.x + _NODE + 5, middle + 14, f"{node.rows:,}", kind="small halo muted"))
    return svg.drawing(words, parts, height, width=width, kind="flow")


def _links(flows: Iterable[dict]) -> list[tuple[int, str, str, int]]:
    """(column it leaves, from, to, rows), those of a pair added up."""
    found: dict[tuple[int, str, str], int] = {}

    def add(column: int, source: str, target: str, rows: int) -> None:
        found[column, source, target] = found.get((column, source, target), 0) + rows

    for flow in flows:
        status, outcome, rows = flow["status"], flow["outcome"] or "unsettled", flow["rows"]
        if status in NOT_TAKEN:
            add(0, "received", status, rows)
            continue
        add(0, "received", "accepted", rows)
        add(1, "accepted", status, rows)
        if status not in _ENDS:
            add(2, status, outcome, rows)
    order = ["received", "accepted", *_STATUS, *_OUTCOME, *NOT_TAKEN]
    return sorted(((*key, rows) for key, rows in found.items()), key=lambda k: (k[0], *map(order.index, k[1:3])))


def _columns(links: list[tuple[int, str, str, int]]) -> list[dict[str, _Node]]:
    wanted = (("received",), ("accepted", *NOT_TAKEN), _STATUS, _OUTCOME)
    columns: list[dict[str, _Node]] = []
    for number, keys in enumerate(wanted):
        side, position = (1, 0) if number == 0 else (2, number - 1)
        sums = {key: sum(link[3] for link in links if link[side] == key and link[0] == position) for key in keys}
        columns.append({key: _Node(key, rows, 0, 0) for key, rows in sums.items() if rows})
    return columns


def _placed(columns: list[dict[str, _Node]], scale: float, width: int) -> float:
    """Gives every node its place; returns the height all of them need."""
    step = (width - 96) / (len(columns) - 1)  # the last column's words need room beside it
    bottom = 0.0
    for number, column in enumerate(columns):
        y = 4.0
        for node in column.values():
            node.x, node.y = round(number * step, 1), round(y, 1)
            y += max(node.rows * scale, _SLOT) + _GAP
        bottom = max(bottom, y)
    return bottom


def _ribbon(columns: list[dict[str, _Node]], link: tuple[int, str, str, int], scale: float) -> str:
    """A band from one node to one of the next column, as wide at both ends as its rows are many."""
    column, source, target, rows = link
    a, b = columns[column][source], columns[column + 1][target]
    thick = rows * scale
    x0, x1 = a.x + _NODE, b.x
    y0, y1 = a.y + a.right, b.y + b.left
    a.right += thick
    b.left += thick
    middle = (x0 + x1) / 2
    thick = max(thick, 0.6)
    shape = (
        f"M{x0:.1f} {y0:.1f}C{middle:.1f} {y0:.1f} {middle:.1f} {y1:.1f} {x1:.1f} {y1:.1f}V{y1 + thick:.1f}"
        f"C{middle:.1f} {y1 + thick:.1f} {middle:.1f} {y0 + thick:.1f} {x0:.1f} {y0 + thick:.1f}Z"
    )
    return f'<path class="ribbon f-{target}" d="{shape}"/>'
