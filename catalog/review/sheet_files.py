"""The forms a review sheet may have as a file, and reading each of them back."""

import hashlib
from pathlib import Path
from types import ModuleType

from catalog import sheets
from catalog.errors import CatalogError
from catalog.pictures.thumbnails import thumbnail
from catalog.reading.encodings import find_ansi
from catalog.review import label_studio
from catalog.review.review_queue import Waiting, page_cells
from catalog.sheets import MAX_BYTES, Returned
from catalog.taxonomies.taxonomy import Taxonomy

SUFFIXES = {"csv": ".csv", "xlsx": ".xlsx", "labelstudio": ".json"}


class SheetFiles:
    """Writes sheets of one form, of one version of the taxonomy. Raises CatalogError when there is no such form."""

    def __init__(self, form: str, taxonomy: Taxonomy, delimiter: str) -> None:
        if form not in SUFFIXES:
            raise CatalogError(
                f"There is no form {form!r} of a review sheet.", remedy=f"Use one of: {', '.join(SUFFIXES)}."
            )
        self.form = form
        self.suffix = SUFFIXES[form]
        self._taxonomy = taxonomy
        self._delimiter = delimiter

    def content(self, page: list[Waiting], reviewer: str = "") -> bytes:
        """One sheet as a file: the same rows give the same bytes."""
        cells = page_cells(page, self._taxonomy, reviewer)
        if self.form == "xlsx":
            return _workbooks().written(cells, self._taxonomy, [thumbnail(row.picture) for row in page])
        if self.form == "labelstudio":
            return label_studio.tasks(cells)
        return sheets.render(sheets.COLUMNS, cells, delimiter=self._delimiter)


def read(file: Path, encoding: str | None = None) -> Returned:
    """Reads a sheet of any form, told by its content; `encoding` is that of a CSV, where it is declared. Raises CatalogError when the file is no review sheet."""
    form = _form(file)
    if form == "csv":
        return sheets.read(file, encoding or _ansi(file))
    if file.stat().st_size > MAX_BYTES:
        raise CatalogError(f"{file} has more than {MAX_BYTES // 2**20} MiB.", remedy="Import sheets one by one.")
    rows = _workbooks().read(file) if form == "xlsx" else label_studio.read(file)
    answers = sheets.answers(rows, file)
    return Returned(hashlib.sha256(file.read_bytes()).hexdigest(), answers)


def _workbooks() -> ModuleType:
    """What writes workbooks is loaded with the first: a night of CSV sheets starts the sooner."""
    from catalog.review import workbooks  # noqa: PLC0415

    return workbooks


def _ansi(file: Path) -> str | None:
    """Which ANSI a spreadsheet saved a CSV in: each country has another, and no file says which."""
    readable = file.is_file() and file.stat().st_size <= MAX_BYTES
    return find_ansi(file.read_bytes()) if readable else None


def _form(file: Path) -> str:
    if not file.is_file():
        return "csv"  # whose reader says that it is missing
    with file.open("rb") as opened:
        start = opened.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PK\x03\x04"):
        return "xlsx"
    return "labelstudio" if start.startswith((b"[", b"{")) else "csv"
