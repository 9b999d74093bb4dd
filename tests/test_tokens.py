"""Row tokens: bound to what they name, distinct, and safe from spreadsheets and typing errors."""

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from catalog import tokens

PARTS = ("ws-1", "000001-abcd", "acme", "4711", "in-4711")


def test_the_same_row_has_the_same_token_for_ever() -> None:
    assert tokens.item_token(*PARTS) == "HB43NNWPZNNFJ"  # stored vector: sheets out with reviewers must stay valid
    assert tokens.item_token(*PARTS) == tokens.item_token(*PARTS)


def test_every_part_binds() -> None:
    others = [tokens.item_token(*PARTS[:n], PARTS[n] + "x", *PARTS[n + 1 :]) for n in range(len(PARTS))]
    assert len({tokens.item_token(*PARTS), *others}) == len(PARTS) + 1


@given(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))
def test_where_one_part_ends_matters(vendor: str, item: str, rest: str) -> None:
    if rest:
        assert tokens.item_token("w", "e", vendor + rest, item, "h") != tokens.item_token(
            "w", "e", vendor, rest + item, "h"
        )


@given(st.text(), st.text(), st.text())
def test_tokens_survive_a_spreadsheet(workspace: str, vendor: str, item: str) -> None:
    token = tokens.item_token(workspace, "run", vendor, item, "hash")
    assert re.fullmatch(r"[BCDFGHJKLMNPQRSTVWXYZ][BCDFGHJKLMNPQRSTVWXYZ2-9]{12}", token)
    assert tokens.well_formed(token)
    assert tokens.normal(f"  {token[:4].lower()}-{token[4:]} ") == token


def test_a_hundred_thousand_rows_have_as_many_tokens() -> None:
    made = {tokens.item_token("ws", "run", "acme", str(n), "h") for n in range(100_000)}
    assert len(made) == 100_000


def test_items_and_groups_never_share_a_token() -> None:
    assert tokens.group_token("ws", "run", "g") != tokens.item_token("ws", "run", "g", "", "")


def test_each_single_mistake_and_each_swap_is_noticed() -> None:
    token = tokens.item_token(*PARTS)
    for place, wrong in itertools.product(range(len(token)), tokens.ALPHABET):
        if wrong != token[place]:
            assert not tokens.well_formed(token[:place] + wrong + token[place + 1 :])
    for a, b in itertools.combinations(range(len(token) - 1), 2):
        swapped = list(token)
        swapped[a], swapped[b] = swapped[b], swapped[a]
        if token[a] != token[b]:
            assert not tokens.well_formed("".join(swapped))


def test_other_text_is_no_token() -> None:
    assert not any(map(tokens.well_formed, ["", "B", "0123456789012", "BCDFGHJKLMNPA", "ÄÖÜÄÖÜÄÖÜÄÖÜÄ"]))
