"""What people do with models on purpose, and whether the morning after it came to what was said.

The shop files one shelf under another from a day on, without a word to the hierarchy: labels say so, and a model that learned
from them would move more than a night may. So `catalog promote` refuses, shows, and does it with `--approve-moves`; two
nights later it is taken back (`catalog rollback`), promoted again after two more, and at last everything that stands is
judged anew (`catalog reclassify`).
"""

import csv
import re
from typing import TYPE_CHECKING

from catalog.errors import CatalogError

if TYPE_CHECKING:
    from benchmarks.half_year.days import Morning, Shop

REFILED = ("Toys > Puzzles > Cubes", "Toys > Puzzles > Jigsaws")
_FORETOLD = re.compile(r"([\d,]+) of ([\d,]+) items placed by a model would move, ([\d,]+) go further down")
_BACK = re.compile(r"([\d,]+) items are back")
_MODEL = re.compile(r"Model (\w+) is ready")
# One row per placement of a model that a run moved.
_MOVED = """
    SELECT vendor, item_id, old_category_id, new_path FROM changes
    WHERE run_id = '{run}' AND action = 'move' AND status <> 'decided' AND vendor <> 'history' ORDER BY "cursor"
"""

_BY_MODEL = (
    "SELECT vendor, item_id, category_id FROM current_category WHERE vendor <> 'history' AND decided_by = 'model'"
)


def done(shop: "Shop", night: int) -> list[dict]:
    """What is done on this day: `what`, `foretold` (items that would move, or are back), `said`, `holds`."""
    plan = shop.plan
    if night == plan.refile:
        return [_promoted(shop, _taught(shop))]
    if night == plan.rollback:
        return [_rolled_back(shop)]
    if night == plan.again:
        return [_promoted(shop, _acts(shop, "promote")[-1]["model"])]
    return [_reclassified(shop)] if night == plan.reclassify else []


def came_to(shop: "Shop", begun: dict, morning: "Morning") -> dict:
    """Yesterday's act with `run`, `moved`, `right`, and what of it does not hold."""
    act = begun | {"run": str(shop.ask("SELECT run_id FROM freshness").item()), "holds": [*begun["holds"]]}
    rows = shop.ask(_MOVED.format(run=act["run"]))
    moves = {(row["vendor"], row["item_id"]): row["new_path"] for row in rows.iter_rows(named=True)}
    known = [item for item in moves if shop.retailer.told_on.get(item, 0) < morning.night]
    act["moved"] = len(moves)
    act["right"] = sum(shop.retailer.belongs(*item) == path for item, path in moves.items())
    if act["what"] == "rollback":
        _is_back(shop, act)
    elif not act["foretold"] - len(shop.retailer.told_now) <= len(known) <= act["foretold"]:
        act["holds"].append(f"{len(known)} moved whose texts are the same, {act['foretold']} were foretold")
    if morning.replayed:
        act["holds"].append(f"replay: {morning.replayed}")
    return act


def _acts(shop: "Shop", what: str) -> list[dict]:
    return [act for morning in shop.mornings for act in morning.came_to if act["what"] == what]


def _taught(shop: "Shop") -> str:
    """Labels that file the one shelf under the other, and a model that learned from them."""
    file, (old, new) = shop.place / "refiled.csv", REFILED
    with (shop.place / "history.csv").open(encoding="utf-8", newline="") as source:
        rows = [row | {"category_path": new} for row in csv.DictReader(source) if row["category_path"] == old]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    shop.command("labels", "import", str(file), "--vendor", "history", "--random")
    return str(_MODEL.findall(shop.command("train"))[-1])


def _promoted(shop: "Shop", model: str) -> dict:
    """First as it is, then against each refusal, as somebody would who looked at what it says."""
    act: dict = {"what": "promote", "model": model, "holds": []}
    words: list[str] = []
    refusals: list[str] = []
    while True:
        try:
            said = shop.command("promote", model, *words)
            break
        except CatalogError as error:
            by_moves = "routing.max_moves" in str(error)
            word, why = ("--approve-moves", "max_moves") if by_moves else ("--anyway", "the comparison")
            if word in words:
                raise
            words.append(word)
            refusals.append(f"refused by {why}")
    act["said"] = "; ".join([*refusals, f"done with {' '.join(words)}" if words else "done at once"])
    act["foretold"], standing, _ = _numbers(_FORETOLD, said)
    allowed = shop.workspace.settings().routing.max_moves * standing
    if (act["foretold"] > allowed) != ("--approve-moves" in words):
        act["holds"].append(f"{act['foretold']} would move, {allowed:.1f} are allowed")
    return act


def _rolled_back(shop: "Shop") -> dict:
    (back,) = _numbers(_BACK, shop.command("rollback"))
    return {"what": "rollback", "foretold": back, "said": "", "holds": []}


def _is_back(shop: "Shop", act: dict) -> None:
    """What the withdrawn model moved stands where it stood, but for what is gone, was told anew, or a person decided."""
    promoted = _acts(shop, "promote")[-1]
    moved = shop.ask(_MOVED.format(run=promoted["run"])).rows()
    # by ids: a row of changes keeps the path by which the shop was told of a category, which may have another by now
    stands = {(vendor, item): category for vendor, item, category in shop.ask(_BY_MODEL).rows()}
    expected = [
        (stands[vendor, item], old)
        for vendor, item, old, _ in moved
        if (vendor, item) in stands and shop.retailer.told_on.get((vendor, item), 0) <= promoted["night"]
    ]
    act["back"] = sum(category == old for category, old in expected)
    if act["back"] < len(expected) or act["foretold"] < len(expected):
        act["holds"].append(f"{act['back']} of {len(expected)} are back")


def _reclassified(shop: "Shop") -> dict:
    shown = shop.command("reclassify")
    moving, _, down = _numbers(_FORETOLD, shown)
    act: dict = {"what": "reclassify", "foretold": moving, "said": f"{down} go further down", "holds": []}
    if moving + down:
        if "Nothing was changed" not in shown:
            act["holds"].append("showing it does not say that nothing was changed")
        shop.command("reclassify", "--by", "anna", "--note", "puzzles are one shelf now")
    return act


def _numbers(pattern: re.Pattern[str], said: str) -> tuple[int, ...]:
    found = pattern.findall(said)[-1]
    return tuple(int(one.replace(",", "")) for one in ([found] if isinstance(found, str) else found))
