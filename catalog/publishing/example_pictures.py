"""Pictures of the products that are mixed up most, small enough to stand in the page itself."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.pictures.thumbnails import MEDIA_TYPE, SIDE, thumbnail
from catalog.publishing.questions import Question
from catalog.store import Store

_OF_A_PAIR = 4
_LARGEST = 12_000  # bytes of one picture; at most a pair's number times the pairs of them stand in a page
# One row per item: the youngest version of it that has a picture.
_PICTURES = """
    SELECT vendor || '/' || item_id AS item, title, image, image_hash
    FROM items
    WHERE vendor || '/' || item_id IN (SELECT unnest(?))
    QUALIFY row_number() OVER (
        PARTITION BY vendor, item_id ORDER BY image_status IS NOT DISTINCT FROM 'ok' DESC, created_at DESC
    ) = 1
"""


@dataclass(frozen=True)
class Example:
    """One product. picture: a data URI, or None where there is none to show."""

    item: str
    title: str
    picture: str | None


def of(store: Store, confused: Question) -> dict[str, Example]:
    """Products of every confused pair, by vendor/item_id: those with a picture first."""
    wanted = sorted({item for row in confused.records for item in row["examples"]})
    if not wanted:
        return {}
    found = store.query(_PICTURES, [wanted])
    return {
        row["item"]: Example(row["item"], row["title"] or "", _uri(row["image"], row["image_hash"]))
        for row in found.iter_rows(named=True)
    }


def chosen(examples: dict[str, Example], items: Iterable[str]) -> list[Example]:
    """A few of a pair's products, those with a picture first."""
    known = [examples[item] for item in items if item in examples]
    return sorted(known, key=lambda example: example.picture is None)[:_OF_A_PAIR]


def _uri(path: str | None, sha256: str | None) -> str | None:
    if not path or not sha256:
        return None
    encoded = thumbnail(path, SIDE, sha256=sha256)
    if encoded is None or len(encoded) > _LARGEST:
        return None
    return f"data:{MEDIA_TYPE};base64,{base64.b64encode(encoded).decode()}"
