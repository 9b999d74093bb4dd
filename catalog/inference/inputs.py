"""From an item to the model's input: the one path that training and serving share. No torch here.

A frame of items has one row per distinct input with the columns of `INPUT_COLUMNS`; texts are cleaned (`clean_text`),
`attributes` is a JSON object as text, `image` the absolute path of a local file.
"""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from tokenizers import Tokenizer

from catalog.errors import BundleRefused
from catalog.inference.lexical import FIELDS, SCHEME, Ngrams, ngrams
from catalog.pictures.images import ImageRules

CLEAN_UP = "text-v1"
INPUT_COLUMNS = ("input_hash", "title", "description", "brand", "vendor_category", "attributes", "vendor", "image")
# What the text tower reads, the telling fields first: a long description is what the token limit cuts.
TEXT_FIELDS = ("title", "brand", "vendor_category", "attributes", "description")
_LONGEST_FIELD = 2000


@dataclass(frozen=True)
class InputRules:
    """Everything that turns an item into tensors, as written to preprocess.json.

    `text_prefix` stands before every text the tower reads; with `text_padding` every text has that many ids, the rest
    `pad_id`, for towers that read padding too; 0 pads no further than the batch needs.
    """

    image: ImageRules
    text_tokens: int
    pad_id: int
    text_prefix: str = ""
    text_padding: int = 0
    clean_up: str = CLEAN_UP
    lexical: str = SCHEME
    text_fields: tuple[str, ...] = field(default=TEXT_FIELDS)

    def to_json(self) -> str:
        """The content of preprocess.json."""
        values = {
            "clean_up": self.clean_up,
            "lexical": self.lexical,
            "text_fields": list(self.text_fields),
            "text_tokens": self.text_tokens,
            "pad_id": self.pad_id,
            "text_prefix": self.text_prefix,
            "text_padding": self.text_padding,
            "image": self.image.to_dict(),
        }
        return json.dumps(values, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "InputRules":
        """Reads preprocess.json. Raises BundleRefused when it names a clean-up or n-gram scheme unknown here."""
        values = json.loads(text)
        if (values["clean_up"], values["lexical"]) != (CLEAN_UP, SCHEME):
            raise BundleRefused(
                f"The bundle prepares its inputs by {values['clean_up']} and {values['lexical']}; "
                f"this program knows {CLEAN_UP} and {SCHEME}.",
                remedy="Install the version that trained it, or train a new bundle.",
            )
        values["image"] = ImageRules.from_dict(values["image"])
        return cls(**{**values, "text_fields": tuple(values["text_fields"])})


def clean_text(text: str | None) -> str | None:
    """`text-v1`: NFKC, control and invisible characters out, single spaces; None when nothing is left. Idempotent."""
    if not text:
        return None
    normal = unicodedata.normalize("NFKC", text)
    if not normal.isascii() or not normal.isprintable():
        normal = "".join(_visible(char) for char in normal)
    return " ".join(normal.split()) or None


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    return "" if category in {"Cf", "Cs", "Co"} else " " if category == "Cc" else char


def attribute_text(attributes: str | None) -> str | None:
    """'color red size 42' of '{"color": "red", "size": 42}'; None for none or for text that is no JSON object."""
    if not attributes:
        return None
    try:
        values = json.loads(attributes)
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    return " ".join(f"{name} {value}" for name, value in values.items() if value not in (None, "")) or None


def text_columns(frame: pl.DataFrame) -> dict[str, list[str | None]]:
    """The text fields of a frame as lists, attributes as words; a column the frame lacks is left out."""
    columns = {name: frame[name].to_list() for name in TEXT_FIELDS if name in frame.columns}
    if "attributes" in columns:
        columns["attributes"] = [attribute_text(value) for value in columns["attributes"]]
    return columns


def tower_texts(frame: pl.DataFrame, rules: InputRules) -> list[str]:
    """What the text tower reads of each row: its fields joined by '. '; empty when the item has no text."""
    columns = text_columns(frame)
    fields = [columns[name] for name in rules.text_fields if name in columns]
    return [". ".join(part[:_LONGEST_FIELD] for part in parts if part) for parts in zip(*fields, strict=True)]


def text_key(text: str) -> str:
    """The content hash under which an embedding of this text is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def item_ngrams(frame: pl.DataFrame) -> Ngrams:
    """The hashed n-grams of each row."""
    columns = text_columns(frame)
    if "vendor" in frame.columns:
        columns["vendor"] = frame["vendor"].to_list()
    return ngrams({name: columns.get(name) or [None] * len(frame) for name in FIELDS})


class TextTokenizer:
    """A tokenizer.json with truncation and never padded to a batch: an item's ids depend on its text alone."""

    def __init__(self, definition: str, rules: InputRules) -> None:
        self._tokenizer, self._prefix = Tokenizer.from_str(definition), rules.text_prefix
        self._tokenizer.no_padding()
        if rules.text_padding:
            self._tokenizer.enable_padding(length=rules.text_padding, pad_id=rules.pad_id)
        self._tokenizer.enable_truncation(rules.text_tokens)

    @classmethod
    def from_file(cls, file: Path, rules: InputRules) -> "TextTokenizer":
        """Reads the bundle's tokenizer.json."""
        return cls(file.read_text(encoding="utf-8"), rules)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """int64 ids of each text behind the prefix, at most `text_tokens` each, special tokens included."""
        safe = [self._prefix + text.encode("utf-8", "replace").decode() for text in texts]
        return [np.array(found.ids, dtype=np.int64) for found in self._tokenizer.encode_batch_fast(safe)]


def pad_ids(ids: Sequence[np.ndarray], pad_id: int) -> np.ndarray:
    """int64 (n, longest), filled with `pad_id`."""
    padded = np.full((len(ids), max(map(len, ids))), pad_id, dtype=np.int64)
    for row, found in enumerate(ids):
        padded[row, : len(found)] = found
    return padded


def length_batches(lengths: np.ndarray, size: int) -> list[np.ndarray]:
    """Row numbers in batches of at most `size` with like lengths together, so that little is padding."""
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + size] for start in range(0, len(order), size)]
