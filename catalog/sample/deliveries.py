"""Who delivers what on which night: known and new products, changed prices and titles, items that go."""

from itertools import islice
from random import Random

from catalog.sample.products import VENDORS, Offer, make_offer, make_product, repriced, reworded
from catalog.sample.vocabulary import vocabulary

_KNOWN = 0.08  # share of a delivery that the labels already hold under the same vendor and id
_SAME_PRODUCT = 5  # products a vendor sells that the labels hold from another vendor, known by their GTIN
_TWICE = 6  # new products that the vendor before sells as well, known by their GTIN
_REPRICED, _REWORDED, _GONE, _NEW = 0.06, 0.02, 0.03, 0.05  # shares of the first night's items on the second

Nights = list[list[Offer]]


def labelled_offers(seed: int, products: int) -> list[Offer]:
    """The products that already have a category, each as one of the vendors offers it."""
    return [_offer(seed, number, VENDORS[Random(f"{seed} who {number}").randrange(3)]) for number in range(products)]


def two_nights(seed: int, vendor: str, labelled: list[Offer], delivered: int, *, delta: bool) -> Nights:
    """What the vendor delivers on each of two nights, about `delivered` offers; a delta only what is new or changed."""
    rng = Random(f"{seed} nights {vendor}")
    first = _first_night(seed, vendor, labelled, delivered, rng)
    second: list[Offer] = []
    for offer in first:
        draw = rng.random()
        if draw < _REPRICED:
            second.append(repriced(offer, rng))
        elif draw < _REPRICED + _REWORDED:
            second.append(reworded(offer, rng))
        elif not delta and draw < 1 - _GONE:
            second.append(offer)
    start = _block(len(labelled), vendor, delivered) + delivered
    second += [_offer(seed, start + n, vendor) for n in range(max(1, round(delivered * _NEW)))]
    return [first, second]


def _first_night(seed: int, vendor: str, labelled: list[Offer], delivered: int, rng: Random) -> list[Offer]:
    mine = [offer for offer in labelled if offer.vendor == vendor]
    found = rng.sample(mine, min(len(mine), round(delivered * _KNOWN)))
    others = (n for n, offer in enumerate(labelled) if offer.vendor != vendor and offer.product.gtin)
    found += [_offer(seed, number, vendor) for number in islice(others, _SAME_PRODUCT)]
    before = _block(len(labelled), VENDORS[VENDORS.index(vendor) - 1], delivered)
    coded = (n for n in range(before, before + delivered) if make_product(seed, n).gtin)
    found += [_offer(seed, number, vendor) for number in islice(coded, _TWICE)]
    start = _block(len(labelled), vendor, delivered)
    found += [_offer(seed, start + n, vendor) for n in range(max(_TWICE * 3, delivered - len(found) - 1))]
    found.append(_stranger(seed, start + delivered - 1, vendor))
    rng.shuffle(found)
    return found


def _block(labelled: int, vendor: str, delivered: int) -> int:
    """The number of the vendor's first new product; the products of the labels come before all of them."""
    return labelled + VENDORS.index(vendor) * delivered * 2


def _offer(seed: int, number: int, vendor: str) -> Offer:
    return make_offer(make_product(seed, number), vendor, _item_id(vendor, number))


def _stranger(seed: int, number: int, vendor: str) -> Offer:
    """An item of a category that the hierarchy does not have."""
    strangers = vocabulary().strangers
    leaf = strangers[VENDORS.index(vendor) % len(strangers)]
    return make_offer(make_product(seed, number, leaf), vendor, _item_id(vendor, number))


def _item_id(vendor: str, number: int) -> str:
    """The vendor's own id: digits with leading zeros, base 16 behind a prefix, or with a check letter."""
    if vendor == "kessel":
        return f"{10_007 + number * 37:08d}"
    if vendor == "tidepool":
        return f"TP-{number * 7919 + 104_729:07X}"
    return f"M{1000 + number}.{'BCDFGHJKLMNPRSTVWX'[number * 7 % 18]}"
