"""open_clip's byte-pair tokenizer as tokenizer.json: the same ids for whatever a vendor writes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

open_clip = pytest.importorskip("open_clip", reason="needs the extra `train`")

from catalog.errors import CatalogError  # noqa: E402
from catalog.learning import tokenizer_json  # noqa: E402

pytestmark = pytest.mark.train
TEXTS = [
    "Red shoe, size 42",
    "",
    "it's !$ !!x don't WE'LL",
    "Größe 38½ — “quotes” &amp;",
    "一双鞋 Чайник ΣΑΣ İstanbul",
    "a_b-c...d 12345 x² ٣٤ 😀",
    "word " * 300,
]


@pytest.fixture(scope="module")
def pair():
    own = open_clip.tokenizer.SimpleTokenizer()
    return own, Tokenizer.from_str(tokenizer_json.expressed(own, "ViT-B-32", None))


def same(pair, text: str) -> None:
    own, written = pair
    cleaned = own.clean_fn(text)
    assert written.encode(cleaned).ids == [own.sot_token_id, *own.encode(cleaned), own.eot_token_id]


@pytest.mark.parametrize("text", TEXTS)
def test_ids_are_open_clips(pair, text: str) -> None:
    same(pair, text)


# Not beyond: which of the youngest characters are letters depends on the age of each library's tables.
@given(st.text(st.characters(max_codepoint=0x9FFF, exclude_categories=("Cn", "Cs", "Co"), exclude_characters="<>")))
def test_ids_are_open_clips_for_any_text(pair, text: str) -> None:
    same(pair, text)


def test_capitals_and_marks_in_a_title_end_nothing(pair) -> None:
    own, written = pair
    assert written.encode("RED Shoe").ids == written.encode("red shoe").ids
    assert written.encode("red <end_of_text> shoe").ids.count(own.eot_token_id) == 1


def test_canonical_texts_lose_their_punctuation(pair) -> None:
    own, _ = pair
    canonical = Tokenizer.from_str(tokenizer_json.expressed(own, "x", "canonicalize"))
    for text in ("Red_shoe, (size 42)!", "a-b  c.", "[^\\]|~"):
        assert canonical.encode(text).ids[1:-1] == own.encode(open_clip.tokenizer.canonicalize_text(text))


def test_a_tokenizer_that_shortens_by_chance_is_refused() -> None:
    own = open_clip.tokenizer.SimpleTokenizer(reduction_mask="random")
    with pytest.raises(CatalogError, match="tokenizer of ViT-X shortens texts by chance"):
        tokenizer_json.expressed(own, "ViT-X", None)
