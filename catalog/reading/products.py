"""Which product a row is a variant of, where only another row of the file says so."""

import re
from collections.abc import Callable, Iterable, Iterator

from catalog.errors import FeedRefused
from catalog.reading.cells import Record
from catalog.reading.columns import Variants
from catalog.reading.header import Columns, joined

MAX_VARIANTS = 1_000_000
Survey = Callable[[Iterable[Record]], None]


class Products:
    """Finds the product of each row of a file that is read before: what products list, and what numbers stand for."""

    def __init__(self, variants: Variants, header: list[str], columns: Columns) -> None:
        self._columns = columns
        self._prefix = variants.prefix
        self._listed = header.index(variants.listed) if variants.listed in header else None
        numbers = [variants.number] if isinstance(variants.number, str) else variants.number
        self._number = next((header.index(name) for name in numbers if name in header), None)
        self._entry = re.compile(rf"(?:^|[,|])\s*{re.escape(variants.key)}\s*=\s*([^,|]+)")
        # The id of a variant, or a number asked for -> the id of its product.
        self._product: dict[str, str] = {}
        self._asked: set[str] = set()

    def surveys(self) -> Iterator[Survey]:
        """What is to be learnt from the rows, one reading after the other; none where the file has nothing to tell.

        Only numbers that some row asks for are held, so that a file of a million products costs no memory.
        """
        if self._listed is not None:
            yield self._learn_listed
        if self._number is not None and "product_id" in self._columns.parts:
            yield self._learn_asked
            if self._asked:
                yield self._learn_numbers

    def related(self, records: Iterable[Record]) -> Iterator[Record]:
        """The rows, each with its product where another row says it. A product belongs to itself."""
        products = set(self._product.values()) if self._listed is not None else set()
        for record in records:
            if record.rule:
                yield record
                continue
            found = self._product.get(self._text("product_id", record))
            if found is None and self._listed is not None:
                item = self._text("item_id", record)
                found = self._product.get(item) or (item if item in products else None)
            yield record._replace(product=found) if found else record

    def _learn_listed(self, records: Iterable[Record]) -> None:
        for record in records:
            for variant in self._entry.findall(self._cell(record, self._listed)):
                self._product.setdefault(variant.strip(), self._text("item_id", record))
            self._bounded(len(self._product))

    def _learn_asked(self, records: Iterable[Record]) -> None:
        for record in records:
            asked = "" if record.rule else self._text("product_id", record)
            if asked.startswith(self._prefix):
                self._asked.add(asked)
                self._bounded(len(self._asked))

    def _learn_numbers(self, records: Iterable[Record]) -> None:
        for record in records:
            asked = self._prefix + self._cell(record, self._number).strip()
            if asked in self._asked and not (own := self._text("product_id", record)).startswith(self._prefix):
                self._product.setdefault(asked, own)

    @staticmethod
    def _cell(record: Record, place: int | None) -> str:
        if record.rule or place is None or place >= len(record.cells):
            return ""
        return joined("", record.cells[place]) or ""

    def _text(self, ours: str, record: Record) -> str:
        if ours not in self._columns.parts:
            return ""
        absent = [[None]] * (self._columns.width - len(record.cells))
        return (self._columns.texts(ours, [*([cell] for cell in record.cells), *absent])[0] or "").strip()

    def _bounded(self, held: int) -> None:
        if held > MAX_VARIANTS:
            raise FeedRefused(
                "too_many_variants",
                f"More than {MAX_VARIANTS:,} variants are named by other rows of the file.",
                remedy="Ask the vendor to split the file, or remove [variants] from the mapping.",
            )
