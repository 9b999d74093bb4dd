"""How long finding a category takes on a large taxonomy.  `python -m benchmarks.category_search`"""

import random
import time

from catalog.taxonomies.category_search import CategorySearch
from catalog.taxonomies.taxonomy import from_paths

SYLLABLES = (
    "ka",
    "ro",
    "mi",
    "ten",
    "la",
    "sho",
    "per",
    "gu",
    "bel",
    "dra",
    "fin",
    "ost",
    "ur",
    "vel",
    "zan",
    "qui",
    "nor",
    "ep",
)
DEPARTMENTS, AISLES, SHELVES = 25, 20, 23
QUERIES = 200


def main() -> None:
    """Prints the time to build the index and the times of queries with one slip of the finger in each word."""
    rng = random.Random(1)

    def word() -> str:
        return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4))).title()

    aisles = [
        f"{department} > {word()} & {word()}"
        for department in [word() for _ in range(DEPARTMENTS)]
        for _ in range(AISLES)
    ]
    paths = [f"{aisle} > {word()} {word()} {word()}" for aisle in aisles for _ in range(SHELVES)]
    taxonomy = from_paths(paths)
    started = time.perf_counter()
    search = CategorySearch(taxonomy).prepared()
    print(f"{taxonomy.nodes.height:,} nodes, built in {time.perf_counter() - started:.1f} s")
    times, first = [], 0
    for path in rng.sample(paths, QUERIES):
        query = " ".join(_slip(name, rng) for name in path.rpartition(" > ")[2].split())
        started = time.perf_counter()
        found = search.find(query)
        times.append(1000 * (time.perf_counter() - started))
        first += found[:1] == [path]
    times.sort()
    print(
        f"median {times[QUERIES // 2]:.1f} ms, 99% within {times[-QUERIES // 100]:.1f} ms; {first / QUERIES:.1%} came first"
    )


def _slip(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    return rng.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        )
    )


if __name__ == "__main__":
    main()
