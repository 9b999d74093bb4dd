"""What is a usable picture and what is none, told from the bytes; and that both ends agree: what passes is decoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.pictures.images import ImageRules, decode
from catalog.pictures.picture_content import fault
from tests.hostile_pictures import FAULTY, JPEG, PNG, USABLE

RULES = ImageRules(size=16)


@pytest.mark.parametrize("name", USABLE)
def test_usable_pictures_pass_and_are_decoded(name: str) -> None:
    assert fault(USABLE[name]) is None
    assert decode(USABLE[name], RULES) is not None


@pytest.mark.parametrize("name", FAULTY)
def test_faults_have_names(name: str) -> None:
    content, reason = FAULTY[name]
    assert fault(content) == reason


def test_what_shows_nothing_behind_transparency_is_white_and_an_animation_its_first_frame() -> None:
    assert (decode(USABLE["transparent"], RULES) == 255).all()
    assert decode(USABLE["animated"], RULES).reshape(-1, 3).std(axis=0).max() == 0


@given(st.binary(max_size=200), st.sampled_from([b"", JPEG[:300], PNG[:100], b"RIFF\x00\x00\x00\x00WEBP", b"GIF89a"]))
def test_any_bytes_get_an_answer(tail: bytes, head: bytes) -> None:
    assert fault(head + tail) in (None, "not_an_image", "too_many_pixels", "too_small", "truncated")
    found = decode(head + tail, RULES)  # what reaches a model may have been altered since, and stops no other picture
    assert found is None or found.shape == (RULES.size, RULES.size, 3)
