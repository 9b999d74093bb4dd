"""A drawn retailer: its hierarchy, twenty vendors and what they send night after night, and where everything belongs.

Of the items 84% are described by words of their own shelf, 10% by words that every shelf uses, 4% by words of two shelves
and 2% by those of another shelf alone: no model can be right about all of them, and of the last it is sure.
"""

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

SHELVES = {
    "Home > Kitchen > Mugs": "mug coffee handle ceramic espresso stackable",
    "Home > Kitchen > Cups": "cup saucer teacup porcelain tea gilded",
    "Home > Kitchen > Pans": "pan frying skillet induction coated searing",
    "Home > Kitchen > Knives": "knife blade chopping santoku honed paring",
    "Home > Light > Lamps": "lamp desk bulb shade dimmable lumen",
    "Home > Light > Candles": "candle wax wick scented tealight soy",
    "Home > Textiles > Towels": "towel terry bath absorbent hem guest",
    "Home > Textiles > Cushions": "cushion filling cover zip sofa velvet",
    "Sport > Shoes > Running": "running trail sole cushioned marathon lace",
    "Sport > Shoes > Football": "football boot studs turf striker pitch",
    "Sport > Balls > Tennis": "tennis felt court can pressurised serve",
    "Sport > Balls > Basketball": "basketball rubber hoop indoor dribble bounce",
    "Sport > Camping > Tents": "tent pole flysheet groundsheet peg dome",
    "Sport > Camping > Sleeping bags": "sleeping bag down mummy hood insulated",
    "Garden > Tools > Spades": "spade shovel digging shaft ash trench",
    "Garden > Tools > Shears": "shears hedge trimming anvil pruning lever",
    "Garden > Water > Hoses": "hose reel nozzle coupling watering reinforced",
    "Garden > Water > Pumps": "pump submersible litre pond impeller suction",
    "Toys > Puzzles > Jigsaws": "jigsaw pieces motif landscape cardboard interlocking",
    "Toys > Puzzles > Cubes": "cube twist magnetic speed rotating sticker",
    "Toys > Vehicles > Trains": "train track locomotive wagon railway signal",
    "Toys > Vehicles > Cars": "racing car remote chassis wheels turbo",
}
# What becomes of the hierarchy once: two shelves are merged, one is renamed, one goes to another group.
MERGED = ("Home > Kitchen > Mugs", "Home > Kitchen > Cups", "Home > Kitchen > Mugs & Cups")
RENAMED = ("Garden > Water > Pumps", "Garden > Water > Pond pumps")
MOVED = ("Home > Light > Candles", "Home > Textiles > Candles")
FILLER = [
    "new",
    "black",
    "white",
    "grey",
    "set",
    "pack",
    "large",
    "small",
    "premium",
    "basic",
    "sale",
    "quality",
    "gift",
    "season",
    "classic",
    "modern",
    "family",
    "everyday",
    "durable",
    "design",
    "light",
    "strong",
    "best",
    "value",
    "easy",
    "care",
    "made",
    "home",
    "popular",
    "choice",
    "for",
    "with",
    "and",
    "the",
    "from",
    "our",
    "in",
    "colour",
    "size",
    "range",
    "guarantee",
    "years",
    "delivered",
    "box",
    "ideal",
    "use",
    "use",
    "all",
    "day",
]
BRANDS = ("Acme", "Borg", "Cyan", "Dorn", "Elm")
DESCRIPTION = 600  # characters
LABEL_FIELDS = ("item_id", "title", "description", "brand", "price", "category_path")
GROWN = 35  # items of a weekly collection


@dataclass
class Item:
    """What a vendor sells, as it says it now; `shelf` is where it belongs, as a path of today's hierarchy."""

    item_id: str
    shelf: str
    title: str
    description: str
    brand: str
    price: float


@dataclass
class Vendor:
    """`kind` is full or delta; `title` is what it calls that column today; `touched` is what a delta has to say next."""

    name: str
    kind: str
    title: str = "name"
    items: dict[str, Item] = field(default_factory=dict)
    touched: dict[str, str] = field(default_factory=dict)
    made: int = 0

    @property
    def form(self) -> str:
        """Its mapping, as a person wrote it."""
        action = 'action = "action"\n' if self.kind == "delta" else ""
        due = 'expected_every = "36h"\n' if self.kind == "full" else ""
        return (
            f'format = "csv"\ndelimiter = ";"\n\n[columns]\nitem_id = "sku"\ntitle = "{self.title}"\n'
            f'description = "text"\nbrand = "brand"\nprice = "price"\n{action}\n[rules]\ncurrency = "EUR"\n\n'
            f'[delivery]\nkind = "{self.kind}"\n{due}'
        )

    def write(self, file: Path, items: Iterable[Item]) -> None:
        """A file of some of its items; a delta also ends what is gone."""
        header = ["sku", self.title, "text", "brand", "price", *(["action"] if self.kind == "delta" else [])]
        rows = [[i.item_id, i.title, i.description, i.brand, f"{i.price:.2f}"] for i in items]
        if self.kind == "delta":
            rows = [[*row, "upsert"] for row in rows]
            rows += [[key, "", "", "", "", "delete"] for key, what in self.touched.items() if what == "gone"]
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out, delimiter=";").writerows([header, *rows])


class Retailer:
    """Everything that is true, and what changes of it every night: 1% of the items, by a seeded draw."""

    def __init__(self, shelves: dict[str, str], *, vendors: int, items: int, seed: int = 7) -> None:
        self.random = random.Random(seed)
        self.words = {path: words.split() for path, words in shelves.items()}
        self.changed = 0.01
        self.gone: dict[tuple[str, str], str] = {}
        self.ranges: dict[str, list[str]] = {}
        self.night = 0
        self.told_on: dict[tuple[str, str], int] = {}  # the night in which an item last got other texts, or went
        self.vendors = [
            Vendor(f"vendor-{n:02d}", "delta" if n % 5 in (2, 4) else "full") for n in range(1, vendors + 1)
        ]
        for place, vendor in enumerate(self.vendors):
            groups = sorted({path.rsplit(" > ", 1)[0] for path in self.words})
            self.ranges[vendor.name] = [groups[(place + step) % len(groups)] for step in range(4)]
            for _ in range(items // vendors):
                self.sells(vendor)

    @property
    def collector(self) -> Vendor:
        """The vendor that brings a collection every week, and that will change its range."""
        return self.vendors[-1]

    @property
    def told_now(self) -> list[tuple[str, str]]:
        """Items that got other texts last night, or went."""
        return [item for item, night in self.told_on.items() if night == self.night]

    def who(self, role: int) -> Vendor:
        """The vendor something happens to; where there are few, one has several roles."""
        return self.vendors[role % len(self.vendors)]

    @property
    def shelves(self) -> list[str]:
        """The paths of today's leaves."""
        return list(self.words)

    def belongs(self, vendor: str, item_id: str) -> str | None:
        """The path where an item belongs today, also one that is gone; None for one that never was."""
        for one in self.vendors:
            if one.name == vendor and item_id in one.items:
                return one.items[item_id].shelf
        return self.gone.get((vendor, item_id))

    def sells(self, vendor: Vendor) -> Item:
        """One more item of a vendor."""
        vendor.made += 1
        groups = self.ranges[vendor.name]
        shelf = self.random.choice([path for path in self.words if path.rsplit(" > ", 1)[0] in groups])
        item = self.drawn(f"{vendor.name[-2:]}{vendor.made:05d}", shelf)
        vendor.items[item.item_id] = item
        vendor.touched[item.item_id] = "here"
        return item

    def drawn(self, item_id: str, shelf: str) -> Item:
        """A product of a shelf."""
        item = Item(item_id, shelf, "", "", self.random.choice(BRANDS), self.random.randint(100, 30_000) / 100)
        self.describe(item)
        return item

    def describe(self, item: Item) -> None:
        """Gives an item a new title and description."""
        kind, other = self.random.random(), self.random.choice(self.shelves)
        own = self.random.sample(self.words[item.shelf], 3)
        strange = self.random.sample(self.words[other], 3)
        telling = own if kind < 0.84 else [] if kind < 0.94 else own[:2] + strange[:2] if kind < 0.98 else strange
        title = telling + self.random.sample(FILLER, 3)
        self.random.shuffle(title)
        item.title = f"{' '.join(title)} {self.random.choice('ABCDEFG')}{self.random.randint(100, 99_999)}"
        words = self.random.choices(FILLER, k=110) + telling * 2
        self.random.shuffle(words)
        item.description = " ".join(words)[:DESCRIPTION]

    def a_night_passes(self, night: int) -> None:
        """1% of the items change: half of them their price, a third their texts, the rest comes or goes."""
        self.night = night
        for vendor in self.vendors:
            for key in list(vendor.items):
                if self.random.random() < self.changed:
                    self._change(vendor, vendor.items[key])
        if night % 7 == 0:  # the collection of the week; what is ten weeks old goes
            for _ in range(GROWN):
                self.sells(self.collector)
            for key in list(self.collector.items)[: max(0, len(self.collector.items) - 10 * GROWN)]:
                self._ends(self.collector, key)

    def _change(self, vendor: Vendor, item: Item) -> None:
        how = self.random.random()
        vendor.touched[item.item_id] = "here"
        if how < 0.5:
            item.price = self.random.randint(100, 30_000) / 100
        elif how < 0.84:
            self.describe(item)
            self.told_on[vendor.name, item.item_id] = self.night
        elif how < 0.92:
            self.sells(vendor)
        else:
            self._ends(vendor, item.item_id)

    def _ends(self, vendor: Vendor, key: str) -> None:
        self.gone[vendor.name, key] = vendor.items.pop(key).shelf
        self.told_on[vendor.name, key] = self.night
        vendor.touched[key] = "gone"

    def new_range(self) -> None:
        """The collector sells other things from now on: those of a department it never had."""
        had = set(self.ranges[self.collector.name])
        groups = sorted({path.rsplit(" > ", 1)[0] for path in self.words} - had)
        self.ranges[self.collector.name] = groups[:2]

    def closes_down(self, vendor: Vendor, share: float) -> None:
        """A vendor stops selling most of what it has."""
        for key in list(vendor.items)[: int(share * len(vendor.items))]:
            self._ends(vendor, key)

    def new_hierarchy(self) -> None:
        """Two shelves become one, one gets another name, one another group; items belong where theirs has gone."""
        self._goes({MERGED[0]: MERGED[2], MERGED[1]: MERGED[2], RENAMED[0]: RENAMED[1], MOVED[0]: MOVED[1]})

    def refiled(self, old: str, new: str) -> None:
        """What stood on one shelf belongs on another from now on, which the hierarchy knows nothing of."""
        self._goes({old: new})

    def _goes(self, now: dict[str, str]) -> None:
        words: dict[str, list[str]] = {}
        for path, own in self.words.items():
            words.setdefault(now.get(path, path), []).extend(own)
        self.words = words
        for item in (item for vendor in self.vendors for item in vendor.items.values()):
            item.shelf = now.get(item.shelf, item.shelf)
        self.gone = {key: now.get(path, path) for key, path in self.gone.items()}

    def labels(self, file: Path, many: int) -> None:
        """Products of the years before, filed by hand, drawn like those that will come."""
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(LABEL_FIELDS)
            for n in range(many):
                item = self.drawn(f"h{n:05d}", self.random.choice(self.shelves))
                writer.writerow([item.item_id, item.title, item.description, item.brand, item.price, item.shelf])


def tree(file: Path, paths: Iterable[str], ids: dict[str, str]) -> None:
    """Writes a hierarchy as id,parent_id,name; `ids` says which ids paths have, and is told those of new ones."""
    nodes = sorted({path for full in paths for path in _and_above(full)})
    for path in nodes:
        ids.setdefault(path, str(100 + len(ids)))
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "parent_id", "name"])
        for path in nodes:
            parent, _, name = path.rpartition(" > ")
            writer.writerow([ids[path], ids.get(parent, ""), name])


def _and_above(path: str) -> list[str]:
    parts = path.split(" > ")
    return [" > ".join(parts[:n]) for n in range(1, len(parts) + 1)]
