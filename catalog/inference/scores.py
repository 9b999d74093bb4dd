"""From logits to what is kept of a prediction: the best leaves, and the likeliest way down the tree."""

from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

TOP = 10
LEAST_MASS = 1e-6
_TINY = 1e-300  # below every probability a float64 softmax of float32 logits can give
_ROOT = -1


@dataclass(frozen=True)
class Chains:
    """The likeliest way down of n items, one entry per item and level, by item and from the department down.

    `row` (m,) the item, `node` (m,) its number in `Tree.nodes`, `inside` and `outside` (m,) the probability at or below
    the node and that of everything else.
    """

    row: np.ndarray
    node: np.ndarray
    inside: np.ndarray
    outside: np.ndarray


class Tree:
    """The nodes above the classes, and the classes at or below each."""

    def __init__(self, classes: list[str], ancestors: dict[str, list[str]]) -> None:
        self.classes = pl.Series(classes, dtype=pl.String)
        nodes = sorted({node for chain in ancestors.values() for node in chain})
        index = {node: n for n, node in enumerate(nodes)}
        self.nodes = pl.Series(nodes, dtype=pl.String)
        chains = [[index[node] for node in ancestors[name]] for name in classes]
        # Depth first, so that the classes of every node stand side by side.
        self._order = np.array(sorted(range(len(classes)), key=lambda column: chains[column]), dtype=np.int64)
        self._levels = _levels([chains[column] for column in self._order])
        self._ends = {chain[-1]: column for column, chain in enumerate(chains)}
        below: dict[int, set[int]] = {}
        for chain in chains:
            for above, node in zip([_ROOT, *chain], chain, strict=False):
                below.setdefault(above, set()).add(node)
        self._children = {node: np.array(sorted(found)) for node, found in below.items()}

    def masses(self, p: np.ndarray) -> np.ndarray:
        """float64 (n, nodes): the sum over the classes at or below each node of p (n, classes)."""
        ordered, mass = p[:, self._order], np.empty((len(p), len(self.nodes)))
        for starts, nodes in self._levels:
            mass[:, nodes[nodes >= 0]] = np.add.reduceat(ordered, starts, axis=1)[:, nodes >= 0]
        return mass

    def chains(self, p: np.ndarray) -> Chains:
        """From the department down, always to the child of most mass, as far as that is `LEAST_MASS`.

        What lies outside a node is what lies outside its parent, beside it and at the parent itself: a sum of
        probabilities, never 1 less something, which would round to 0.
        """
        mass, found = self.masses(p), []
        at = {_ROOT: (np.arange(len(p)), np.zeros(len(p)))} if len(p) else {}
        while at:
            following: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
            for node, (rows, outside) in at.items():
                if node not in self._children:
                    continue
                step = self._step(mass, p, node, (rows, outside))
                found.append(step)
                for child in np.unique(step.node):
                    on = step.node == child
                    following.setdefault(int(child), []).append((step.row[on], step.outside[on]))
            at = {node: _joined(parts) for node, parts in following.items()}
        return _by_item(found)

    def _step(self, mass: np.ndarray, p: np.ndarray, node: int, items: tuple[np.ndarray, np.ndarray]) -> Chains:
        (rows, outside), choices = items, self._children[node]
        there = mass[np.ix_(rows, choices)]
        place, every = there.argmax(1), np.arange(len(rows))
        inside = there[every, place]
        there[every, place] = 0.0
        own = p[rows, self._ends[node]] if node in self._ends else 0.0
        kept = inside >= LEAST_MASS
        return Chains(rows[kept], choices[place][kept], inside[kept], (outside + there.sum(1) + own)[kept])


def _levels(chains: list[list[int]]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per level of classes in depth-first order: where the classes of each node start, and that node; -1 for none."""
    levels = []
    for depth in range(max(map(len, chains), default=0)):
        nodes = np.array([chain[depth] if depth < len(chain) else -1 for chain in chains])
        starts = np.flatnonzero(np.concatenate(([True], nodes[1:] != nodes[:-1])))
        levels.append((starts, nodes[starts]))
    return levels


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    rows, outside = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(outside)


def _by_item(steps: list[Chains]) -> Chains:
    """One after the other as they were taken, level by level, then sorted by item."""
    columns = [
        np.concatenate([np.empty(0, kind), *(getattr(step, name) for step in steps)])
        for name, kind in (("row", np.int64), ("node", np.int64), ("inside", np.float64), ("outside", np.float64))
    ]
    order = np.argsort(columns[0], kind="stable")
    return Chains(*(column[order] for column in columns))


def softmax(logits: np.ndarray, temperature: np.ndarray | float) -> np.ndarray:
    """Probabilities float64 (n, classes); one temperature for all, or (n,) one an item."""
    scaled = logits.astype(np.float64) / np.reshape(temperature, (-1, 1))
    scaled -= scaled.max(1, keepdims=True)
    odds = np.exp(scaled)
    return odds / odds.sum(1, keepdims=True)


def odds_of(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Log-odds from a probability and that of everything else, each summed by itself: 1 - p would round to 0."""
    return np.log(np.maximum(inside, _TINY)) - np.log(np.maximum(outside, _TINY))


def best(p: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k likeliest of p (n, classes), equals by column: columns, probabilities and those of everything else (n, k)."""
    rest, rows = p.copy(), np.arange(len(p))
    top, inside, outside = np.empty((len(p), k), np.int64), np.empty((len(p), k)), np.empty((len(p), k))
    for place in range(k):
        top[:, place] = rest.argmax(1)
        inside[:, place] = rest[rows, top[:, place]]
        rest[rows, top[:, place]] = -1.0  # below every probability: not found again
    rest[rows[:, None], top] = 0.0
    beyond = rest.sum(1)
    for place in range(k):
        outside[:, place] = beyond + np.delete(inside, place, axis=1).sum(1)
    return top, inside, outside


def describe(logits: np.ndarray, temperature: np.ndarray | float, tree: Tree) -> pl.DataFrame:
    """The prediction columns of n items: leaf_id, probability, log_odds, top_*, chain_*, novelty (1 - probability)."""
    p = softmax(logits, temperature)
    top, inside, outside = best(p, min(TOP, p.shape[1]))
    top_odds, chains = odds_of(inside, outside), tree.chains(p)
    every = np.arange(len(p) + 1)
    top_start, chain_start = every * top.shape[1], np.searchsorted(chains.row, every)
    return pl.DataFrame(
        {
            "leaf_id": tree.classes.gather(top[:, 0]),
            "probability": inside[:, 0],
            "log_odds": top_odds[:, 0],
            "top_ids": _lists(top_start, tree.classes.gather(top.ravel())),
            "top_log_odds": _lists(top_start, pl.Series(top_odds.ravel())),
            "chain_ids": _lists(chain_start, tree.nodes.gather(chains.node)),
            "chain_mass": _lists(chain_start, pl.Series(chains.inside)),
            "chain_log_odds": _lists(chain_start, pl.Series(odds_of(chains.inside, chains.outside))),
            "novelty": 1.0 - inside[:, 0],
        }
    )


def _lists(start: np.ndarray, values: pl.Series) -> pl.Series:
    """A column of lists: those of row i are `values[start[i]:start[i + 1]]`."""
    return pl.Series(pl.from_arrow(pa.LargeListArray.from_arrays(pa.array(start, pa.int64()), values.to_arrow())))
