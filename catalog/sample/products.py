"""What is sold, and how each vendor offers it: titles, descriptions and the shot of each picture.

How hard an item is, is drawn for text and picture together, so that most items are plain in one of the two and the few
that are plain in neither look it.
"""

from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Literal

from catalog.sample.pictures import COLOURS, Kind, Shot
from catalog.sample.vocabulary import Leaf, vocabulary

Said = Literal["clear", "shared", "generic", "sibling"]
Shown = Kind | Literal["missing"]
VENDORS = ("kessel", "tidepool", "perle")
# (said by the text, shown by the picture): share of the items. shared = words of the whole group, generic = none at
# all, sibling = the words of the neighbour; neutral = could be any leaf of the group, carton and close show nothing.
DIFFICULTY: dict[tuple[Said, Shown], float] = {
    ("clear", "clear"): 60.0,
    ("clear", "neutral"): 9.0,
    ("clear", "carton"): 5.5,
    ("clear", "close"): 4.0,
    ("clear", "missing"): 5.0,
    ("shared", "clear"): 10.5,
    ("generic", "clear"): 7.0,
    ("shared", "neutral"): 1.2,
    ("shared", "missing"): 0.6,
    ("shared", "carton"): 0.6,
    ("generic", "neutral"): 0.7,
    ("generic", "carton"): 0.4,
    ("generic", "missing"): 0.3,
    ("sibling", "neutral"): 1.1,
    ("sibling", "missing"): 0.35,
    ("sibling", "carton"): 0.25,
}
_ONLY_IN_DESCRIPTION = 0.1
_MISLEADING = 0.05
_NO_DESCRIPTION = 0.18


@dataclass(frozen=True)
class Product:
    """One thing that is sold, whoever offers it."""

    seed: str
    leaf: Leaf
    brand: str
    series: str
    colour: str
    material: str
    size: str
    price: float
    gtin: str | None


@dataclass(frozen=True)
class Offer:
    """A product as one vendor delivers it. `shot` is None when there is no picture."""

    vendor: str
    item_id: str
    product: Product
    title: str
    description: str
    brand: str
    price: float
    vendor_category: str
    shot: Shot | None

    @property
    def picture(self) -> str:
        """The picture's path relative to the file that names it; empty without one."""
        return f"images/{self.item_id}.jpg" if self.shot else ""


def make_product(seed: int, number: int, leaf: Leaf | None = None) -> Product:
    """Product `number` of the retailer with this seed, of a drawn category unless one is given."""
    rng = Random(f"{seed} product {number}")
    known = vocabulary()
    drawn = rng.choices(known.leaves, _weights())[0]
    leaf = leaf or drawn
    low, high = leaf.price
    brands = known.brands.get(leaf.department) or [b for some in known.brands.values() for b in some]
    return Product(
        seed=f"{seed} {number}",
        leaf=leaf,
        brand=rng.choice(brands),
        series=_series(rng),
        colour=rng.choice(list(COLOURS)),
        material=rng.choice(leaf.materials),
        size=rng.choice(leaf.sizes),
        price=round(low * (high / low) ** rng.random(), 1) + rng.choice((0.0, 0.09, 0.05)),
        gtin=gtin13(number * 13 + seed) if rng.random() < 0.65 else None,
    )


@cache
def _weights() -> list[float]:
    """Categories sell unequally, by up to three to one."""
    return [Random(f"weight {leaf.name}").uniform(0.55, 1.6) for leaf in vocabulary().leaves]


def gtin13(number: int) -> str:
    """A valid GTIN-13 in GS1's range for demonstrations (952), the check digit by the GS1 General Specifications."""
    body = f"952{number % 10**9:09d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"


def _series(rng: Random) -> str:
    words = vocabulary().words
    name = rng.choice(words["starts"]) + rng.choice(words["middles"])
    return name + rng.choice(words["ends"]) if rng.random() < 0.85 else name + rng.choice(words["middles"])


def make_offer(product: Product, vendor: str, item_id: str) -> Offer:
    """How this vendor offers the product; the same arguments give the same offer."""
    rng = Random(f"{product.seed} {vendor}")
    said, shown = rng.choices(list(DIFFICULTY), list(DIFFICULTY.values()))[0]
    habit = vocabulary().habits[vendor]
    title, description = _Copywriter(product, vendor, rng).write(said)
    division = habit.divisions.get(product.leaf.department, "")
    if rng.random() < 0.04:
        division = rng.choice(list(habit.divisions.values()))
    return Offer(
        vendor=vendor,
        item_id=item_id,
        product=product,
        title=title,
        description=description,
        brand=product.brand if rng.random() < 0.8 else "",
        price=round(product.price * rng.uniform(0.92, 1.1), 2),
        vendor_category=division if rng.random() < 0.6 else "",
        shot=None if shown == "missing" else _shot(product, shown, f"{product.seed} {vendor}", rng),
    )


def _shot(product: Product, shown: Kind, seed: str, rng: Random) -> Shot:
    known, leaf = vocabulary(), product.leaf
    colour = product.colour if rng.random() < 0.85 else rng.choice(list(COLOURS))
    prop = rng.choice(known.leaves).shape if rng.random() < 0.1 else None
    habit = known.habits[seed.rpartition(" ")[2]]
    shape = leaf.neutral if shown == "neutral" else leaf.shape
    return Shot(shape, shown, colour, seed, habit.studio, prop)


class _Copywriter:
    """Writes one offer's texts the way its vendor does."""

    def __init__(self, product: Product, vendor: str, rng: Random) -> None:
        self.product = product
        self.habit = vocabulary().habits[vendor]
        self.words = vocabulary().words
        self.rng = rng

    def write(self, said: Said) -> tuple[str, str]:
        """Title and description, which tell the category as plainly as `said` says."""
        rng, leaf = self.rng, self.product.leaf
        if said == "clear" and leaf.id and rng.random() < _ONLY_IN_DESCRIPTION:
            facts = [self._noun("clear"), *rng.sample(leaf.own_facts, 1), rng.choice(leaf.facts)]
            return self._generic_title(), self._sentences(facts, marketing=0.5)
        title = self._generic_title() if said == "generic" else self._title(self._noun(said))
        if said == "clear" and rng.random() < _MISLEADING:
            title = f"{title} {self._aside()}"
        return self._case(title), self._description(said)

    def _noun(self, said: Said) -> str:
        rng, leaf = self.rng, self.product.leaf
        if said == "shared":
            return rng.choice(leaf.shared)
        if said == "sibling":
            leaf = rng.choice(vocabulary().siblings(leaf) or [leaf])
        noun = rng.choice(leaf.own[rng.choices(list(self.habit.languages), list(self.habit.languages.values()))[0]])
        return self._typo(noun) if rng.random() < 0.06 else noun

    def _typo(self, noun: str) -> str:
        place = self.rng.randrange(1, max(2, len(noun) - 1))
        if self.rng.random() < 0.5:
            return noun[:place] + noun[place + 1 :]
        return noun[:place] + noun[place : place + 2][::-1] + noun[place + 2 :]

    def _title(self, noun: str) -> str:
        return self._fill(self.rng.choice(self.habit.templates), noun)

    def _generic_title(self) -> str:
        return self._fill(self.rng.choice(self.habit.generic), "")

    def _fill(self, template: str, noun: str) -> str:
        product, rng = self.product, self.rng
        names = vocabulary().colour_names.get(self.habit.colours, {})
        noun = noun[:1].upper() + noun[1:] if rng.random() < 0.6 else noun
        return template.format(
            noun=noun,
            brand=product.brand,
            series=product.series,
            colour=names.get(product.colour, product.colour),
            size=product.size,
            material=product.material,
            code=f"{rng.choice('ABEGKMNRTX')}{rng.choice('ACDHLPSVZ')}{rng.randrange(10, 999)}",
            badge=rng.choice(self.words["badges"]),
            pack=rng.choice(self.words["packs"]),
            generic=rng.choice(self.words["generic"]),
        )

    def _aside(self) -> str:
        """Words of quite another category, as sellers add them."""
        other = self.rng.choice(vocabulary().leaves).own["en"][0]
        return self.rng.choice(("+ free {}", "(goes with our {})", "incl. {}", "for your {}")).format(other)

    def _case(self, title: str) -> str:
        draw = self.rng.random()
        return title.upper() if draw < 0.06 else title.lower() if draw < 0.1 else title

    def _description(self, said: Said) -> str:
        rng, leaf = self.rng, self.product.leaf
        if rng.random() < _NO_DESCRIPTION:
            return ""
        facts: list[str] = []
        if said == "clear" and rng.random() < 0.6:
            facts += rng.sample(leaf.own_facts, min(len(leaf.own_facts), rng.randint(1, 2)))
        if said in ("clear", "shared"):
            facts += rng.sample(leaf.facts, min(len(leaf.facts), rng.randint(1, 3)))
        return self._sentences(facts, marketing=0.6)

    def _sentences(self, facts: list[str], *, marketing: float) -> str:
        rng, product = self.rng, self.product
        found = [fact[:1].upper() + fact[1:] for fact in facts]
        if rng.random() < 0.5:
            found.append(f"Material: {product.material}")
        if rng.random() < 0.4:
            found.append(f"{product.size}, {product.colour}")
        rng.shuffle(found)
        if rng.random() < marketing:
            found.insert(rng.choice((0, len(found))), rng.choice(self.words["marketing"]))
        return ". ".join(found) + "." if found else ""


def repriced(offer: Offer, rng: Random) -> Offer:
    """The same offer at another price."""
    return replace(offer, price=round(offer.price * rng.choice((0.8, 0.9, 1.05, 1.1)) + 0.01, 2))


def reworded(offer: Offer, rng: Random) -> Offer:
    """The same offer under an edited title."""
    return replace(offer, title=f"{rng.choice(vocabulary().words['badges'])} {offer.title}")
