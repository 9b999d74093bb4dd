"""What moved the model and what is labelled most alike, in words for the reviewer: on request, for rows about to be shown.

A row costs a text for each of its title's first eight words: 20 ms of one core for titles of six words, and the labels are
looked through once for some hundred rows. That is why nobody's whole queue gets it unasked.
"""

from dataclasses import replace

import polars as pl

from catalog.inference.classifier import Classifier
from catalog.inference.embeddings import EmbeddingCache
from catalog.inference.occlusion import Occlusion, in_words, occlude
from catalog.review.review_queue import Waiting
from catalog.store import Store
from catalog.taxonomies.category_moves import Translation
from catalog.taxonomies.taxonomy import SEPARATOR, Taxonomy
from catalog.watch.neighbours import Neighbour, nearest_of_each

WORDS = 8  # of a title, tried one by one
NEAR = 2  # labelled products named
_TITLE = 50  # characters of theirs
_INPUTS = """
    SELECT a.at, i.input_hash, i.title, i.description, i.brand, i.vendor_category, i.attributes, i.vendor, i.item_id,
           i.image_hash, CASE WHEN i.image_status = 'ok' THEN i.image END AS image
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
        """The rows, each ordinary one with the words that speak for its best guess and the labelled products most like it
        at the end of its sentence.

        Rows that are shown blindly stay as they are: a hint would answer for the reviewer.
        """
        asked = [(n, row.vendor, row.item_id, row.input_hash) for n, row in enumerate(rows) if not row.blind]
        frame = pl.DataFrame(
            asked, schema={"at": pl.Int64} | dict.fromkeys(("vendor", "item_id", "input_hash"), pl.String), orient="row"
        )
        with store.frame("asked", frame):
            inputs = store.query(_INPUTS)
        found = occlude(self._classifier, inputs, embeddings=self._embeddings, most_words=WORDS, fields=False)
        bundle, rules = self._classifier.bundle, self._classifier.rules
        near = nearest_of_each(store, bundle, rules, inputs, self._embeddings, NEAR)
        told = list(rows)
        for at, one, labelled in zip(inputs["at"], found, near, strict=True):
            parts = (rows[at].sentence or "", self._words(one), self._alike(labelled))
            told[at] = replace(rows[at], sentence=" ".join(part for part in parts if part))
        return told

    def _words(self, one: Occlusion) -> str:
        leaf, words = self._translation.now(one.leaf_id), in_words(one)
        if leaf is None or leaf not in self._taxonomy or not words:
            return ""
        return f"For {self._name(leaf)} speak: {words}."

    def _alike(self, labelled: list[Neighbour]) -> str:
        said = [
            f"{(one.title or one.item_id)[:_TITLE].strip()} ({self._name(one.category_id)})"
            for one in labelled
            if one.category_id in self._taxonomy
        ]
        return f"Labelled and most alike: {'; '.join(said)}." if said else ""

    def _name(self, category: str) -> str:
        return self._taxonomy.path(category).rpartition(SEPARATOR)[2]
