"""What is asked of hosts and what they answered; apart from the asking, whose libraries only a night that fetches need load."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Wanted:
    """A picture to ask for. etag and last_modified speak of the content `sha256`, which is at hand; all None: of none."""

    url: str
    etag: str | None = None
    last_modified: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Fetched:
    """What became of one: ok, unchanged (no bytes came), failed for `reason`, or skipped (not asked: host down, time over)."""

    url: str
    status: Literal["ok", "unchanged", "failed", "skipped"]
    sha256: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    reason: str | None = None
    bytes: int = 0
