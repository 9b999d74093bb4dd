"""From an item to tensors: clean-up, n-grams against stored vectors, and pictures as vendors deliver them."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from catalog.errors import BundleRefused
from catalog.inference.inputs import (
    InputRules,
    TextTokenizer,
    attribute_text,
    clean_text,
    item_ngrams,
    length_batches,
    pad_ids,
    text_key,
    tower_texts,
)
from catalog.inference.lexical import BUCKETS, ngrams
from catalog.pictures.images import ImageRules, decode, fit, read_picture, to_tensor, upright_rgb

RULES = ImageRules(size=32, mode="squash")
INPUTS = InputRules(RULES, text_tokens=16, pad_id=0)
# The hash is part of every bundle: if this changes, SCHEME needs a new name and old bundles are refused.
RED_SHOE = [
    2270,
    76591,
    215567,
    62185,
    91962,
    112769,
    170193,
    200570,
    407483,
    518260,
    521720,
    617974,
    746606,
    753444,
    782410,
    903734,
    930843,
    944697,
    311722,
]
RED_SHOE_GROUPS = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


@given(st.text())
def test_clean_up_is_idempotent(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once
    assert once is None or once == " ".join(once.split()) != ""


def test_clean_up() -> None:
    assert clean_text("  Caf\u0065\u0301\u00a0\u200bbar\x07\tred ") == "Café bar red"
    assert clean_text("\u200b \n") is None
    assert clean_text(None) is None


def test_attributes_are_words_and_bad_ones_are_none() -> None:
    assert attribute_text('{"color": "red", "size": 42, "fit": null}') == "color red size 42"
    assert [attribute_text(bad) for bad in ("[1]", "{", "", None, "{}")] == [None] * 5


def test_tower_text_leads_with_what_tells_most() -> None:
    frame = pl.DataFrame(
        {
            "title": ["Mug", None],
            "brand": ["Acme", None],
            "vendor_category": [None, None],
            "description": ["Big", None],
        },
        schema_overrides={"vendor_category": pl.String},
    )
    assert tower_texts(frame, INPUTS) == ["Mug. Acme. Big", ""]
    assert text_key("Mug") != text_key("mug")


def test_unknown_schemes_are_refused() -> None:
    assert InputRules.from_json(INPUTS.to_json()) == INPUTS
    for name in ("clean_up", "lexical"):
        other = json.loads(INPUTS.to_json()) | {name: "other-v9"}
        with pytest.raises(BundleRefused, match="other-v9"):
            InputRules.from_json(json.dumps(other))


def test_a_bundle_from_before_prefix_and_padding_still_loads() -> None:
    values = json.loads(INPUTS.to_json())
    for later in ("text_prefix", "text_padding"):
        del values[later]
    assert InputRules.from_json(json.dumps(values)) == INPUTS


def test_the_tokenizer_puts_the_prefix_in_front_and_pads_where_the_tower_wants_it() -> None:
    vocabulary = {"?": 0, "query": 1, "red": 2, "shoe": 3, "pad": 7}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    plain = InputRules(RULES, text_tokens=3, pad_id=7)
    ids = {
        "plain": plain,
        "prefix": replace(plain, text_prefix="query "),
        "padded": replace(plain, text_padding=3),
    }
    found = {
        name: [one.tolist() for one in TextTokenizer(words.to_str(), rules).encode(["shoe", "red shoe shoe shoe"])]
        for name, rules in ids.items()
    }
    assert found == {
        "plain": [[3], [2, 3, 3]],
        "prefix": [[1, 3], [1, 2, 3]],
        "padded": [[3, 7, 7], [2, 3, 3]],
    }


def test_ngrams_equal_the_stored_vector() -> None:
    found = ngrams({"title": ["Red shoe"], "description": ["red"]})
    assert found.bucket.tolist() == RED_SHOE
    assert found.group.tolist() == RED_SHOE_GROUPS
    assert found.weight.tolist() == [1.0] * len(RED_SHOE)


def test_ngrams_ignore_case_and_punctuation_and_tell_fields_apart() -> None:
    found = ngrams({"title": ["Red, SHOE!", "red shoe", None, "..."]})
    assert found.bucket[: found.start[1]].tolist() == found.bucket[found.start[1] : found.start[2]].tolist()
    assert found.lengths()[2:].tolist() == [0, 0]
    title, brand = ngrams({"title": ["acme"]}), ngrams({"brand": ["acme"]})
    assert not set(title.bucket.tolist()) & set(brand.bucket.tolist())


def test_a_repeated_word_weighs_one_plus_the_logarithm() -> None:
    found = ngrams({"brand": ["acme acme acme"]})  # the word three times, the pair of neighbours twice
    assert sorted(found.weight.tolist()) == pytest.approx([1 + np.log(2), 1 + np.log(3)])


@given(st.lists(st.one_of(st.none(), st.text(max_size=30)), min_size=1, max_size=6), st.data())
def test_ngrams_of_an_item_are_its_own(titles: list[str | None], data: st.DataObject) -> None:
    together = ngrams({"title": titles})
    row = data.draw(st.integers(0, len(titles) - 1))
    alone, taken = ngrams({"title": [titles[row]]}), together.take(np.array([row]))
    assert alone.bucket.tolist() == taken.bucket.tolist()
    assert alone.weight.tolist() == taken.weight.tolist()
    assert (together.bucket >= 0).all()
    assert (together.bucket < BUCKETS).all()


def test_mapped_drops_what_the_lexicon_lacks() -> None:
    found = ngrams({"title": ["red shoe", "", "red"]})
    rows = np.full(BUCKETS, -1, np.int32)
    rows[found.bucket[: found.start[1]][:4]] = np.arange(4)
    kept = found.mapped(rows)
    assert len(kept) == 3
    assert kept.lengths()[:2].tolist() == [4, 0]
    assert kept.bucket[:4].tolist() == [0, 1, 2, 3]


def test_a_frame_gives_ngrams_of_all_its_fields() -> None:
    frame = pl.DataFrame({"title": ["Red shoe"], "description": ["red"]})
    assert item_ngrams(frame).bucket.tolist() == RED_SHOE


def test_batches_hold_every_row_once_and_like_lengths_together() -> None:
    lengths = np.array([9, 1, 5, 1, 9])
    batches = length_batches(lengths, 2)
    assert sorted(np.concatenate(batches).tolist()) == [0, 1, 2, 3, 4]
    assert lengths[np.concatenate(batches)].tolist() == sorted(lengths.tolist())
    assert pad_ids([np.array([7, 8]), np.array([9])], 0).tolist() == [[7, 8], [9, 0]]


def test_transparency_lies_on_white() -> None:
    hidden = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert (decode(encoded(hidden), RULES) == 255).all()


def test_sixteen_bit_grey_keeps_its_tones() -> None:
    tones = np.linspace(0, 65535, 64, dtype=np.uint16).repeat(64).reshape(64, 64)
    pixels = decode(encoded(Image.fromarray(tones)), RULES)
    assert pixels is not None
    assert pixels[0].max() < 16
    assert 96 < pixels[16].mean() < 160
    assert pixels[-1].min() > 240


def test_exif_orientation_is_applied() -> None:
    image = Image.new("RGB", (64, 64), "white")
    image.paste("black", (0, 0, 64, 32))  # the top half; tag 6 asks for a quarter turn clockwise: the right half
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode(encoded(image, "JPEG", exif=exif, quality=95), RULES)
    assert pixels is not None
    assert pixels[:, :12].min() > 200
    assert pixels[:, -12:].max() < 55


@pytest.mark.parametrize("mode", ["L", "P", "LA", "CMYK", "1"])
def test_every_colour_mode_becomes_rgb(mode: str) -> None:
    file_format = "JPEG" if mode == "CMYK" else "PNG"
    pixels = decode(encoded(Image.new("RGB", (20, 10), "white").convert(mode), file_format), RULES)
    assert pixels is not None
    assert pixels.shape == (32, 32, 3)
    assert (pixels >= 250).all()


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", b"%!PS-Adobe-3.0 EPSF-3.0\n", encoded(Image.new("RGB", (90, 90), "red"))[:60]],
    ids=["empty", "text", "postscript", "truncated"],
)
def test_bad_bytes_are_unreadable_and_raise_nothing(data: bytes, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(data)
    assert read_picture(str(file), RULES).status == "unreadable"


def test_too_many_pixels_are_unreadable() -> None:
    assert decode(encoded(Image.new("1", (12_000, 12_000))), RULES) is None


@pytest.mark.parametrize("path", [None, "", "/nowhere/at/all.jpg", "a\x00b"])
def test_no_file_is_missing(path: str | None) -> None:
    assert read_picture(path, RULES).status == "missing"


@pytest.mark.parametrize(("mode", "white"), [("squash", False), ("shortest", False), ("longest", True)])
def test_resize_modes(mode: str, white: bool) -> None:
    pixels = fit(Image.new("RGB", (20, 80), "black"), ImageRules(size=32, mode=mode))
    assert bool((pixels[16, 0] == 255).all()) is white
    assert (pixels[16, 16] == 0).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_large_picture_is_reduced_while_it_is_read_and_looks_the_same(kind: str) -> None:
    rules = ImageRules(size=160, mode="longest")
    tones = np.random.default_rng(2).integers(0, 256, (10, 8, 3), np.uint8)
    data = encoded(Image.fromarray(tones).resize((800, 1000), Image.Resampling.BICUBIC), kind)
    read = upright_rgb(data, rules)
    assert read is not None
    assert 128 <= read.width < 256
    assert 160 <= read.height < 320
    whole = fit(Image.open(io.BytesIO(data)).convert("RGB"), rules).astype(int)
    assert np.abs(fit(read, rules) - whole).mean() < 2


def test_a_bundle_of_before_reads_its_pictures_as_before() -> None:
    values = ImageRules(size=32).to_dict()
    del values["reduction"]
    assert ImageRules.from_dict(values).reduction == "square"
    assert ImageRules.from_dict(ImageRules(size=32).to_dict()) == ImageRules(size=32)


def test_tensors_are_normalized_channels_first() -> None:
    rules = ImageRules(size=2, mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))
    tensor = to_tensor(np.full((1, 2, 2, 3), 255, np.uint8), rules)
    assert tensor.shape == (1, 3, 2, 2)
    assert tensor[0, :, 0, 0].tolist() == pytest.approx([1.0, 3.0, 1.0])
