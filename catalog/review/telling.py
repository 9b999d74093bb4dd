"""What moved the model, in a sentence for the reviewer: on request, for rows about to be written to a sheet and no others.

A row costs a text for each of its title's first eight words: 20 ms of one core for titles of six words. That is why
nobody's whole queue gets it unasked.
"""

from dataclasses import replace

import polars as pl

from catalog.inference.classifier import Classifier
from catalog.inference.embeddings import EmbeddingCache
from catalog.inference.occlusion import in_words, occlude
from catalog.review.review_queue import Waiting
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation
from catalog.taxonomies.taxonomy import Taxonomy

WORDS = 8  # of a title, tried one by one
_INPUTS = """
    SELECT a.at, i.input_hash, i.title, i.description, i.brand, i.vendor_category, i.attributes, i.vendor,
           CASE WHEN i.image_status = 'ok' THEN i.image END AS image
    FROM asked a JOIN live_items l USING (vendor, item_id, input_hash) JOIN items i USING (vendor, item_id, row_hash)
    ORDER BY a.at"""


class Telling:
    """The bundle that serves, asked about rows of the queue."""

    def __init__(
        self, classifier: Classifier, embeddings: EmbeddingCache, taxonomy: Taxonomy, translation: Translation
    ) -> None:
        self._classifier, self._embeddings = classifier, embeddings
        self._taxonomy, self._translation = taxonomy, translation

    def told(self, store: Store, rows: list[Waiting]) -> list[Waiting]:
        """The rows, each ordinary one with the words that speak for its best guess at the end of its sentence.

        Rows that are shown blindly stay as they are: a hint would answer for the reviewer.
        """
        asked = [(n, row.vendor, row.item_id, row.input_hash) for n, row in enumerate(rows) if not row.blind]
        frame = pl.DataFrame(
            asked, schema={"at": pl.Int64} | dict.fromkeys(("vendor", "item_id", "input_hash"), pl.String), orient="row"
        )
        with store.frame("asked", frame):
            inputs = store.query(_INPUTS)
        found = occlude(self._classifier, inputs, embeddings=self._embeddings, most_words=WORDS, fields=False)
        told = list(rows)
        for at, one in zip(inputs["at"], found, strict=True):
            leaf, words = self._translation.now(one.leaf_id), in_words(one)
            if leaf in self._taxonomy and leaf is not None and words:
                name = self._taxonomy.path(leaf).rpartition(" > ")[2]
                told[at] = replace(rows[at], sentence=f"{rows[at].sentence or ''} For {name} speak: {words}.".strip())
        return told
