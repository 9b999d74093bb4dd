"""The forms a review sheet may have as a file, and reading each of them back."""

import hashlib
from pathlib import Path

from catalog import sheets
from catalog.errors import CatalogError
from catalog.pictures.thumbnails import thumbnail
from catalog.review import workbooks
from catalog.review.review_queue import Waiting, page_cells
from catalog.sheets import MAX_BYTES, Returned
from catalog.taxonomies.taxonomy import Taxonomy

SUFFIXES = {"csv": ".csv", "xlsx": ".xlsx"}


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
            return workbooks.written(cells, self._taxonomy, [thumbnail(row.picture) for row in page])
        return sheets.render(sheets.COLUMNS, cells, delimiter=self._delimiter)


def read(file: Path) -> Returned:
    """Reads a sheet of any form, told by its content. Raises CatalogError when the file is no review sheet."""
    if not _starts(file, b"PK"):
        return sheets.read(file)
    if file.stat().st_size > MAX_BYTES:
        raise CatalogError(f"{file} has more than {MAX_BYTES // 2**20} MiB.", remedy="Import sheets one by one.")
    answers = sheets.answers(workbooks.read(file), file)
    return Returned(hashlib.sha256(file.read_bytes()).hexdigest(), answers)


def _starts(file: Path, mark: bytes) -> bool:
    if not file.is_file():
        return False  # reading it as text says so
    with file.open("rb") as opened:
        return opened.read(len(mark)) == mark
