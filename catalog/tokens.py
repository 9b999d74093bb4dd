"""Names for rows of a review sheet that survive a spreadsheet, a telephone and a tired reviewer.

Consonants and the digits 2-9 only: no 0/O and 1/I to mix up, no E that turns a cell into a number, no vowel that could
make a month or a word. The first character is a letter, so that no spreadsheet takes a token for a number or a date.
"""

import hmac

ALPHABET = "BCDFGHJKLMNPQRSTVWXYZ23456789"
LETTERS = 21
LENGTH = 13
_BASE = len(ALPHABET)
_WORTH = {character: value for value, character in enumerate(ALPHABET)}
_SPACE = LETTERS * _BASE ** (LENGTH - 2)  # what the letters before the check character tell apart: fits a machine word


def item_token(workspace_id: str, export: str, vendor: str, item_id: str, input_hash: str) -> str:
    """The token of one item, as it looked, in one export of one workspace; the same arguments give the same token.

    `export` is the run that writes the sheets, so a token can be named before it is known which sheet its row falls in.
    """
    return _token(workspace_id, "item", export, vendor, item_id, input_hash)


def group_token(workspace_id: str, export: str, group_id: str) -> str:
    """The token of a group of look-alikes in one export."""
    return _token(workspace_id, "group", export, group_id)


def normal(text: str) -> str:
    """A token as typed or pasted: spaces and dashes dropped, in capitals."""
    return "".join(text.split()).replace("-", "").upper()


def well_formed(token: str) -> bool:
    """True when length, alphabet and check character fit: a typing error does not, a token of elsewhere does."""
    if len(token) != LENGTH or any(character not in _WORTH for character in token):
        return False
    return _WORTH[token[0]] < LETTERS and _check(token[:-1]) == token[-1]


def _token(key: str, *parts: str) -> str:
    # Lengths keep ("a", "bc") and ("ab", "c") apart whatever characters a vendor puts into an item id.
    message = "".join([f"{len(part)}:{part}" for part in parts]).encode()
    number = int.from_bytes(hmac.digest(key.encode(), message, "sha256"), "big") % _SPACE
    number, first = divmod(number, LETTERS)
    body = ALPHABET[first]
    for _ in range(LENGTH - 2):
        number, digit = divmod(number, _BASE)
        body += ALPHABET[digit]
    return body + _check(body)


def _check(body: str) -> str:
    """The check character: a sum weighted by position, modulo 29.

    29 is prime and larger than every weight, so each single wrong character and each swap of two changes the sum.
    """
    return ALPHABET[sum([place * _WORTH[character] for place, character in enumerate(body, 1)]) % _BASE]
