"""The shop's side of published/changes/: every file applied in its turn, compared with what analysts see."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.half_year.command import catalog

if TYPE_CHECKING:
    from benchmarks.half_year.days import Shop


class Applied:
    """What a shop holds that began with nothing: the category of each item, and the cursor it has got to."""

    def __init__(self) -> None:
        self.cursor = 0
        self.where: dict[tuple[str, str], str] = {}

    def compared(self, shop: "Shop") -> str:
        """Applies the files that go on from the cursor; says how what is held differs from `current_category`, or nothing."""
        folder = shop.workspace.changes
        told = [json.loads(file.read_text()) for file in folder.glob("*.manifest.json")]
        files = {one["since"]: one for one in told if one["rows"]}
        if (
            self.cursor not in files and self.cursor == 0
        ):  # a later start, when the first files are gone: exported again
            whole = shop.place.with_name(f"{shop.place.name}-changes.csv")
            catalog(shop.place, "export", "changes", "--since", "0", "--out", str(whole))
            self._apply(whole)
        while self.cursor in files:
            self._apply(folder / files[self.cursor]["file"])
        found = shop.ask("SELECT vendor, item_id, category_id FROM current_category").rows()
        published = {(vendor, item): category for vendor, item, category in found}
        differing = sum(published.get(key) != self.where.get(key) for key in published.keys() | self.where.keys())
        return f"{differing} items differ" if differing else ""

    def _apply(self, file: Path) -> None:
        with file.open(encoding="utf-8", newline="") as source:
            for row in csv.DictReader(source):
                if int(row["cursor"]) != self.cursor + 1:
                    raise RuntimeError(f"{file}: cursor {row['cursor']} after {self.cursor}")
                self.cursor += 1
                if row["action"] == "retire":
                    del self.where[row["vendor"], row["item_id"]]
                else:
                    self.where[row["vendor"], row["item_id"]] = row["new_category_id"]
