"""How fast a classification goes: items a second, the share of embeddings that were kept, the time left."""

import time
from collections.abc import Sequence

import numpy as np

from catalog.inference.embeddings import EmbeddingCache
from catalog.jobs import Job

LOG_EVERY = 60.0  # seconds between two lines of a log that nobody watches


class CountedEmbeddings:
    """Another cache, and how many of the embeddings it was asked for it had."""

    def __init__(self, cache: EmbeddingCache) -> None:
        self._cache = cache
        self.asked = self.had = 0

    def get(self, tower: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The vectors it has among these keys."""
        found = self._cache.get(tower, keys)
        self.asked, self.had = self.asked + len(keys), self.had + len(found)
        return found

    def put(self, tower: str, keys: Sequence[str], vectors: np.ndarray) -> None:
        """Keeps vectors (n, width) under n keys."""
        self._cache.put(tower, keys, vectors)


class Pace:
    """Shows a job's classification on its progress bar and, once a minute and at the end, in its log.

    `before`: items that an earlier start had finished; they count as done and not for the speed.
    """

    def __init__(self, job: Job, total: int, *, before: int = 0, cache: CountedEmbeddings | None = None) -> None:
        self._job, self._total, self._before, self._cache = job, total, before, cache
        self._began = self._logged = time.monotonic()

    def show(self, done: int) -> None:
        """`done` of the job's items are predicted."""
        now = time.monotonic()
        counts = self._counts(done, max(now - self._began, 1e-9))
        note = ", ".join(
            [f"{counts['per_second']}/s", *([f"{counts['cached']:.0%} cached"] if "cached" in counts else [])]
        )
        self._job.progress("classify", done, self._total, note)
        if done >= self._total or now - self._logged >= LOG_EVERY:
            self._logged = now
            self._job.event("classify_progress", counts=counts)

    def _counts(self, done: int, seconds: float) -> dict[str, float]:
        speed = (done - self._before) / seconds
        counts: dict[str, float] = {"done": done, "total": self._total, "per_second": round(speed, 1)}
        if self._cache is not None:
            counts["cached"] = round(self._cache.had / max(self._cache.asked, 1), 3)
        if speed > 0:
            counts["seconds_left"] = round((self._total - done) / speed)
        return counts
