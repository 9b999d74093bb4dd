"""Finding the picture a row names, safely, and naming its content; decoding it for the model is not done here."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import polars as pl

from catalog.jobs import Job
from catalog.pictures import picture_cache
from catalog.pictures.archives import DEFAULT, Archive, MemberRefused
from catalog.pictures.picture_cache import PictureFiles
from catalog.pictures.picture_content import fault
from catalog.pictures.picture_urls import URL, full_url, scheme
from catalog.pictures.seen_files import Facts, SeenFiles

MAX_BYTES = 20 * 1024 * 1024
PLACEHOLDER = "placeholder"
# Of these URLs: url, sha256 where its content is known, else the reason why it fails; absent are those never asked for.
Known = Callable[[pl.Series], pl.DataFrame]
COLUMNS = {name: pl.String for name in ("image", "image_hash", "image_status", "image_reason", "image_url")}


@dataclass(frozen=True)
class Picture:
    """image: absolute path when status is ok, else the text delivered. sha256: of the bytes, None unless ok.

    reason: one code for what is not ok, None where the status says it all. url: where it is fetched, None for files.
    """

    image: str | None
    sha256: str | None
    status: str
    reason: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Beyond:
    """What is known beyond the feed's folder. known: of URLs; placeholders: of this vendor; seen: of files read before."""

    files: PictureFiles
    known: Known
    placeholders: frozenset[str] = frozenset()
    archive: Archive | None = None
    seen: SeenFiles | None = None


@contextmanager
def found_for(job: Job, vendor: str, folder: Path, archive: str | None = None) -> "Iterator[Pictures]":
    """Where the pictures of a vendor's file are: in its folder, in the archive there, and where others were fetched to.

    archive: its file name, images.zip by default; none there is no fault. What files held is kept when the block is
    left without an exception.
    """
    path = folder / (archive or DEFAULT)
    name = hashlib.sha256(vendor.encode()).hexdigest()[:16]
    seen = SeenFiles(job.workspace.seen_files / f"{name}.arrow", salt=job.run_id)
    with ExitStack() as opened:
        found = None
        if os.path.lexists(path):
            found = opened.enter_context(closing(Archive(path, max_bytes=MAX_BYTES)))
        beyond = Beyond(
            PictureFiles(job.workspace.pictures),
            known=lambda urls: picture_cache.known(job.store, urls),
            placeholders=picture_cache.placeholders(job.store, vendor),
            archive=found,
            seen=seen,
        )
        yield Pictures(folder, beyond)
        seen.save()
    if seen.opened:
        job.event("picture_files", vendor=vendor, read=seen.opened, changed_unnoticed=seen.deceived)


@dataclass(frozen=True)
class _File:
    """A regular file that a cell leads to."""

    named: str
    facts: Facts


class Pictures:
    """Pictures below one folder, in the archive there, and behind URLs asked for before.

    What files hold is remembered by path, size, time of change and inode. Nothing is fetched here.
    """

    def __init__(self, folder: Path, beyond: Beyond | None = None) -> None:
        self.folder = folder.resolve()
        self._beyond = beyond
        self._seen: dict[Facts, Picture] = {}
        self._members: dict[str, Picture] = {}
        self._folders: dict[str, tuple[str, bool]] = {}  # as named: where it leads to, and whether that is inside
        self._turn = Lock()  # an archive is read at one place at a time

    def find(self, named: str) -> Picture:
        """What a cell of the image column leads to; see `table`."""
        return self.find_all([named])[0]

    def find_all(self, named: Iterable[str]) -> list[Picture]:
        """What each cell of the image column leads to; see `table`."""
        cells = pl.DataFrame({"named": list(named)}, schema={"named": pl.String})
        rows = cells.join(self.table(cells["named"]), on="named", how="left", maintain_order="left")
        return [Picture(*row) for row in rows.select(*COLUMNS).iter_rows()]

    def table(self, named: pl.Series) -> pl.DataFrame:
        """One row per distinct text of image cells: `named`, and what it leads to as COLUMNS, the fields of `Picture`.

        status: ok; missing (no such file, or a placeholder); remote (a URL not asked for yet); fetch_failed (a URL that
        gives no picture); refused (absolute, outside the folder, no regular file, a scheme that is none of ours);
        unreadable (too large, or what `picture_content.fault` says).
        """
        cells = named.drop_nulls().unique().alias("named").to_frame()
        urls = cells.filter(pl.col("named").str.contains(URL))
        others = cells.filter(~pl.col("named").str.contains(URL))
        with self._turn:
            found = [_fields(picture) for picture in self._all([self._elsewhere(cell) for cell in others["named"]])]
            here = others.hstack(pl.DataFrame(found, schema=COLUMNS, orient="row"))
            return self._no_placeholders(pl.concat([self._behind(urls), here]))

    def _behind(self, cells: pl.DataFrame) -> pl.DataFrame:
        """What URLs lead to, as far as it is known."""
        cells = cells.with_columns(image_url=full_url("named"))
        if self._beyond is None or not cells.height:
            said = pl.DataFrame(schema={"url": pl.String, "sha256": pl.String, "reason": pl.String})
        else:
            said = self._beyond.known(cells["image_url"].unique())
        contents = said["sha256"].drop_nulls().unique()
        paths = [str(self._beyond.files.path(sha256)) for sha256 in contents] if self._beyond else []
        path = pl.col("sha256").replace_strict(contents, pl.Series(paths, dtype=pl.String), default=None)
        cells = cells.join(said.with_columns(asked=True), left_on="image_url", right_on="url", how="left")
        failed = pl.col("sha256").is_null() & pl.col("asked")
        return cells.select(
            "named",
            image=pl.coalesce(path, "named") if contents.len() else pl.col("named"),
            image_hash="sha256",
            image_status=pl.when(failed)
            .then(pl.lit("fetch_failed"))
            .when("asked")
            .then(pl.lit("ok"))
            .otherwise(pl.lit("remote")),
            image_reason=pl.when(failed).then("reason"),
            image_url="image_url",
        )

    def _no_placeholders(self, found: pl.DataFrame) -> pl.DataFrame:
        if self._beyond is None or not self._beyond.placeholders:
            return found
        shown = pl.col("image_hash").is_in(list(self._beyond.placeholders))
        return found.with_columns(
            image=pl.when(shown).then("named").otherwise("image"),
            image_hash=pl.when(~shown).then("image_hash"),
            image_status=pl.when(shown).then(pl.lit("missing")).otherwise("image_status"),
            image_reason=pl.when(shown).then(pl.lit(PLACEHOLDER)).otherwise("image_reason"),
        )

    def _all(self, found: list["Picture | _File"]) -> list[Picture]:
        """What each file holds that is not known yet: kept from before, else read."""
        new = [one.facts for one in found if isinstance(one, _File) and one.facts not in self._seen]
        kept = self._beyond.seen if self._beyond else None
        known = kept.find(new) if kept and new else {}
        for facts in dict.fromkeys(new):
            if facts.path in known:
                sha256, status, reason = known[facts.path]
                self._seen[facts] = Picture(facts.path if status == "ok" else None, sha256, status, reason)
                continue
            self._seen[facts] = picture = _read(Path(facts.path), facts.size)
            if kept and picture.status != "refused":
                kept.read(facts, picture.sha256, picture.status, picture.reason)
        if kept:
            kept.check()
        return [self._shown(one) if isinstance(one, _File) else one for one in found]

    def _shown(self, file: "_File") -> Picture:
        found = self._seen[file.facts]
        return found if found.status == "ok" else replace(found, image=file.named)

    def _elsewhere(self, named: str) -> "Picture | _File":
        """What a cell leads to that is no URL we could ask for."""
        if scheme(named) is not None:
            return Picture(named, None, "refused", "scheme")
        return self._local(named)

    def _local(self, named: str) -> "Picture | _File":
        relative = named.replace("\\", "/")
        refusal = _leads_elsewhere(relative)
        if refusal:
            return Picture(named, None, "refused", refusal)
        try:
            path, facts = self._resolved(relative)
            if path is None:
                return Picture(named, None, "refused", "outside_folder")
        except (FileNotFoundError, NotADirectoryError):
            return self._archived(named)
        except (OSError, ValueError, RuntimeError):  # a loop of links, a name too long, no permission
            return Picture(named, None, "refused", "bad_path")
        if not stat.S_ISREG(facts.st_mode):
            return Picture(named, None, "refused", "no_file")
        return _File(named, Facts(path, facts.st_size, facts.st_mtime_ns, facts.st_ino))

    def _resolved(self, relative: str) -> tuple[str | None, os.stat_result]:
        """The file a path below the folder leads to, links followed, and its facts; None where that lies elsewhere.

        A folder is followed once: link by link for every picture, that would take longer than all the rest of finding it.
        """
        parent, _, name = relative.rpartition("/")
        if name in ("", "."):
            parent, name = str(Path(relative).parent), Path(relative).name
        if parent not in self._folders:
            resolved = (self.folder / parent).resolve(strict=True)
            self._folders[parent] = str(resolved), resolved.is_relative_to(self.folder)
        folder, inside = self._folders[parent]
        path = f"{folder}/{name}"
        facts = os.lstat(path)
        if stat.S_ISLNK(facts.st_mode):
            path = os.path.realpath(path, strict=True)
            facts, inside = os.lstat(path), Path(path).is_relative_to(self.folder)
        return path if inside else None, facts

    def _archived(self, named: str) -> Picture:
        if self._beyond is None or self._beyond.archive is None:
            return Picture(named, None, "missing")
        if named not in self._members:
            self._members[named] = _member(named, self._beyond.archive, self._beyond.files)
        return self._members[named]


def _fields(found: Picture) -> tuple[str | None, ...]:
    return found.image, found.sha256, found.status, found.reason, found.url


def _leads_elsewhere(relative: str) -> str | None:
    drive = relative[1:2] == ":" and relative[0].isalpha()
    if relative.startswith("/") or drive:
        return "absolute_path"
    return "path_traversal" if ".." in relative.split("/") else None


def _read(path: Path, size: int) -> Picture:
    if size > MAX_BYTES:
        return Picture(None, None, "unreadable", "too_large")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        return Picture(None, None, "refused", "no_permission")
    if len(content) > MAX_BYTES:
        return Picture(None, None, "unreadable", "too_large")
    wrong = fault(content)
    if wrong:
        return Picture(None, None, "unreadable", wrong)
    return Picture(str(path), hashlib.sha256(content).hexdigest(), "ok")


def _member(named: str, archive: Archive, files: PictureFiles) -> Picture:
    if archive.broken:
        return Picture(named, None, "unreadable", archive.broken)
    try:
        content = archive.read(named)
    except MemberRefused as refused:
        return Picture(named, None, "unreadable", refused.reason)
    if content is None:
        return Picture(named, None, "missing")
    sha256 = files.keep(content)
    return Picture(str(files.path(sha256)), sha256, "ok")
