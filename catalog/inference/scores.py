"""From logits to what is kept of a prediction: the best leaves, and the likeliest way down the tree."""

import numpy as np
import polars as pl

TOP = 10
LEAST_MASS = 1e-6
_TINY = 1e-300  # below every probability a float64 softmax of float32 logits can give


class Tree:
    """The nodes above the classes. `member` is bool (nodes, classes): the class stands at or below the node."""

    def __init__(self, classes: list[str], ancestors: dict[str, list[str]]) -> None:
        self.classes = np.array(classes, dtype=object)
        nodes = sorted({node for chain in ancestors.values() for node in chain})
        index = {node: n for n, node in enumerate(nodes)}
        self.nodes = np.array(nodes, dtype=object)
        self.member = np.zeros((len(nodes), len(classes)), dtype=bool)
        below: dict[int, set[int]] = {}
        for column, name in enumerate(classes):
            above = -1
            for node in ancestors[name]:
                self.member[index[node], column] = True
                below.setdefault(above, set()).add(index[node])
                above = index[node]
        self.children = {node: np.array(sorted(found)) for node, found in below.items()}

    def chains(self, mass: np.ndarray) -> list[list[int]]:
        """Per item the node numbers from the department down, always to the child of most mass. mass (n, nodes)."""
        chains: list[list[int]] = [[] for _ in mass]
        at = {-1: np.arange(len(mass))}
        while at:
            following: dict[int, list[np.ndarray]] = {}
            for node, rows in at.items():
                choices = self.children.get(node)
                if choices is None:
                    continue
                best = choices[mass[np.ix_(rows, choices)].argmax(1)]
                kept = mass[rows, best] >= LEAST_MASS
                for row, child in zip(rows[kept], best[kept], strict=True):
                    chains[row].append(int(child))
                for child in np.unique(best[kept]):
                    following.setdefault(int(child), []).append(rows[kept][best[kept] == child])
            at = {node: np.concatenate(rows) for node, rows in following.items()}
        return chains


def softmax(logits: np.ndarray, temperature: np.ndarray | float) -> np.ndarray:
    """Probabilities float64 (n, classes); one temperature for all, or (n,) one an item."""
    scaled = logits.astype(np.float64) / np.reshape(temperature, (-1, 1))
    scaled -= scaled.max(1, keepdims=True)
    odds = np.exp(scaled)
    return odds / odds.sum(1, keepdims=True)


def odds_of(inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Log-odds from a probability and that of everything else, each summed by itself: 1 - p would round to 0."""
    return np.log(np.maximum(inside, _TINY)) - np.log(np.maximum(outside, _TINY))


def describe(logits: np.ndarray, temperature: np.ndarray | float, tree: Tree) -> pl.DataFrame:
    """The prediction columns of n items: leaf_id, probability, log_odds, top_*, chain_*, novelty (1 - probability)."""
    p = softmax(logits, temperature)
    k = min(TOP, p.shape[1])
    top = np.argsort(-p, axis=1, kind="stable")[:, :k]
    rows = np.arange(len(p))
    top_odds = np.empty(top.shape)
    for column in range(k):
        others = p.copy()
        others[rows, top[:, column]] = 0.0
        top_odds[:, column] = odds_of(p[rows, top[:, column]], others.sum(1))
    mass = p @ tree.member.T.astype(np.float64)
    node_odds = odds_of(mass, p @ (~tree.member).T.astype(np.float64))
    chains = tree.chains(mass)
    lists = pl.List(pl.Float64)
    return pl.DataFrame(
        {
            "leaf_id": pl.Series(tree.classes[top[:, 0]].tolist(), dtype=pl.String),
            "probability": p[rows, top[:, 0]],
            "log_odds": top_odds[:, 0],
            "top_ids": pl.Series([tree.classes[found].tolist() for found in top], dtype=pl.List(pl.String)),
            "top_log_odds": pl.Series([list(found) for found in top_odds], dtype=lists),
            "chain_ids": pl.Series(
                [[str(tree.nodes[node]) for node in chain] for chain in chains], dtype=pl.List(pl.String)
            ),
            "chain_mass": pl.Series([mass[row, chain].tolist() for row, chain in enumerate(chains)], dtype=lists),
            "chain_log_odds": pl.Series(
                [node_odds[row, chain].tolist() for row, chain in enumerate(chains)], dtype=lists
            ),
            "novelty": 1.0 - p[rows, top[:, 0]],
        }
    )
