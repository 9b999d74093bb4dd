"""Writes docs/data-dictionary.md from the comments of a published file.  `python -m pipelines.dictionary` (`make dictionary`)"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from catalog.publishing import dictionary
from catalog.publishing.publication import Edition, publish
from catalog.publishing.reader import reading
from catalog.store import Store

PAGE = Path("docs") / "data-dictionary.md"


def text() -> str:
    """The page, from what an empty workspace publishes."""
    with tempfile.TemporaryDirectory() as folder:
        published = Path(folder) / "catalog.duckdb"
        with Store.open(Path(folder) / "work.duckdb") as store:
            publish(store, published, Edition("dictionary", datetime.now(UTC)))
        with reading(published) as reader:
            return dictionary.markdown(reader.query)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
