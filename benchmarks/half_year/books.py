"""What the half year came to, as tables in Markdown."""

from collections import Counter
from collections.abc import Iterator

from benchmarks.half_year.command import catalog
from benchmarks.half_year.days import Morning, Shop
from benchmarks.half_year.disk import BUDGETS, held
from catalog.keeping.retention import size_of
from catalog.settings import Settings

WEEK = 7
LABELS = 800  # products filed by hand, which are items too


def commits(mornings: list[Morning]) -> Iterator[str]:
    """Which nights were played by which state of the program."""
    nights: dict[str, list[int]] = {}
    for morning in mornings:
        nights.setdefault(morning.commit or "an earlier commit", []).append(morning.night)
    yield "; ".join(f"nights {min(found)} to {max(found)} at {commit}" for commit, found in nights.items()) + "."


def weeks(mornings: list[Morning]) -> Iterator[str]:
    """A line a week: changes of the published category and how many were right, what stands, what waits."""
    yield (
        "| week | first placed by the model (right) | moved by the model (right) | went further down (right) | "
        "set or moved by people (right) | mapped | retired | standing by the model (right) | waiting | answers | retraining |"
    )
    yield "|" + "---|" * 11
    for start in range(0, len(mornings), WEEK):
        part = mornings[start : start + WEEK]
        sum_of: Counter[str] = sum((morning.changes for morning in part), Counter())
        last = part[-1]
        by_model = [_of(sum_of, [f"{action} model"]) for action in ("set", "move", "refine")]
        people = _of(sum_of, [f"{action} people" for action in ("set", "move", "refine")])
        yield (
            f"| {start // WEEK + 1} | {' | '.join([*by_model, people])} | {sum_of['mapped']} | {sum_of['retired']} | "
            f"{last.placed:,} ({_share(last.placed_right, last.placed)}) | {last.waiting:,} | "
            f"{sum(one.answers for one in part)} | {' '.join(one.retraining for one in part if one.retraining)} |"
        )


def _of(found: Counter, kinds: list[str]) -> str:
    right, wrong = (sum(found[f"{kind} {how}"] for kind in kinds) for how in ("right", "wrong"))
    return f"{right + wrong:,} ({_share(right, right + wrong)})" if right + wrong else "0"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def jumps(shop: Shop) -> Iterator[str]:
    """Whether anything jumped of itself: the night in which the model moved most, and items it moved more than once; nights
    after something was done on purpose are in `on_purpose`."""
    most, night, allowed = 0.0, 0, shop.workspace.settings().routing.max_moves
    for before, after in zip(shop.mornings, shop.mornings[1:], strict=False):
        if after.came_to:
            continue
        share = len(after.moved) / max(1, before.placed)
        if share > most:
            most, night = share, after.night
    often = Counter(item for morning in shop.mornings if not morning.came_to for item in morning.moved)
    yield (
        f"Most that the model moved in one night, of what it had placed: {most:.2%} (night {night}); allowed {allowed:.2%}, "
        "rounded up to whole items, beside what a promotion moves, and without the nights after something was done on purpose. "
        f"Items it moved more than once: {sum(many > 1 for many in often.values())}."
    )


def on_purpose(shop: Shop) -> Iterator[str]:
    """What was done with models on purpose, what it came to the morning after, and on how many nights replay was looked at."""
    yield "| day | what | foretold | what was said | moved the night after (right) | back | what does not hold |"
    yield "|---|---|---|---|---|---|---|"
    for act in (act for morning in shop.mornings for act in morning.came_to):
        yield (
            f"| {act['night']} | {act['what']} | {act['foretold']} | {act['said']} | {act['moved']} ({_share(act['right'], act['moved'])}) | "
            f"{act.get('back', '')} | {'; '.join(act['holds']) or 'nothing'} |"
        )
    looked = [morning for morning in shop.mornings if morning.replayed is not None]
    differ = [f"night {morning.night}: {morning.replayed}" for morning in looked if morning.replayed]
    yield ""
    yield (
        f"All files of changes, applied from nothing, were compared with `current_category` after each of {len(looked)} nights: "
        f"{'; '.join(differ) or 'the same every time'}."
    )


def troubles(shop: Shop) -> Iterator[str]:
    """Every alarm of the nights, by kind and vendor, with the nights that had it; then what people did about files."""
    nights: dict[tuple[str, str], list[int]] = {}
    for morning in shop.mornings:
        for alarm in morning.alarms:
            nights.setdefault(alarm, []).append(morning.night)
    yield "| alarm | about | nights |"
    yield "|---|---|---|"
    for (code, about), found in nights.items():
        shown = ", ".join(map(str, found[:6])) + (f" and {len(found) - 6} more" if len(found) > 6 else "")
        yield f"| {code} | {about} | {shown} |"
    yield ""
    yield from (f"- {' '.join(line.split())}" for line in shop.mended)


def ending(shop: Shop) -> Iterator[str]:
    """What the doctor and prune say at the end, and the exit status of the doctor."""
    status, said = catalog(shop.place, "doctor", "--verify", ok=(0, 1))
    lines = said.strip().splitlines()
    holds = sum(line.startswith("ok") for line in lines)
    yield f"`catalog doctor --verify` ended with {status}: {holds} of {len(lines)} lines say ok."
    pruned = catalog(shop.place, "prune")[1].strip().splitlines()
    yield f"`catalog prune` said: {'; '.join(' '.join(line.split()) for line in pruned if line)}"


def disk(shop: Shop, settings: Settings) -> Iterator[str]:
    """Bytes of each part of the workspace by night, and the budget of each, with whether it is kept."""
    mornings = shop.mornings
    days = sorted({1, *(n for n in (7, 30, 60, 90, 120, 150) if n < len(mornings)), len(mornings)})
    parts = list(mornings[-1].bytes)
    late = mornings[len(mornings) // 2 :]
    yield "| part, kB | " + " | ".join(f"night {day}" for day in days) + " | a night, second half | budget |"
    yield "|---|" + "---|" * (len(days) + 2)
    for part in parts:
        sizes = " | ".join(f"{mornings[day - 1].bytes[part] / 1000:,.0f}" for day in days)
        grown = (late[-1].bytes[part] - late[0].bytes[part]) / max(1, len(late) - 1) / 1000
        yield f"| {part} | {sizes} | {grown:+,.1f} | {_budget(part, shop, settings)} |"


def _budget(part: str, shop: Shop, settings: Settings) -> str:
    """What may at most stand there, and whether it does; a week goes by between two prunes."""
    keep, found = settings.retention, shop.mornings[-1].bytes[part]
    if part == "models":  # the newest and those that served last
        bundles = [size_of(path) for path in shop.workspace.models.iterdir() if path.is_dir()]
        most = 2.0 * keep.models * max(bundles) + 1000
    else:
        most = BUDGETS[part].most([one.live + LABELS for one in shop.mornings], keep, WEEK)
    return f"{most / 1000:,.0f}, {held(found, most)}"
