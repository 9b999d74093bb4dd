"""What the people of simulated weeks did, and its tables."""

from collections import Counter
from dataclasses import dataclass, field

from benchmarks.review.groups import ITEM_SECONDS, WAYS, Tally


@dataclass
class Work:
    """What the people of a week did, what was placed, and how right the catalogue is at its end."""

    incoming: int = 0
    decisions: int = 0
    seconds: float = 0.0
    settled: int = 0
    hidden: int = 0
    second_looks: int = 0
    on_parents: int = 0
    in_groups: int = 0
    astray: int = 0
    wrong_in_groups: int = 0
    placed: int = 0
    placed_wrong: int = 0
    unasked_wrong: int = 0
    carried: int = 0
    carried_wrong: int = 0
    at_parent: int = 0
    at_parent_wrong: int = 0
    best_right: int = 0
    best_right_first: int = 0
    why: Counter = field(default_factory=Counter)
    careful: dict[str, Tally] = field(default_factory=lambda: {way: Tally() for way in WAYS})
    right: float = 0.0
    by_hand: float = 0.0
    served: str = ""
    refused: str = ""

    def plus(self, other: "Work") -> "Work":
        """Both together; the last week's accuracies stay."""
        kept = {"right", "by_hand", "served", "refused", "why", "careful"}
        numbers = {name: getattr(self, name) + getattr(other, name) for name in set(self.__dataclass_fields__) - kept}
        both = {
            way: Tally(*(a + b for a, b in zip(vars(self.careful[way]).values(), vars(one).values(), strict=True)))
            for way, one in other.careful.items()
        }
        return Work(**numbers, why=self.why + other.why, careful=both, right=other.right, by_hand=other.by_hand)


def added(works: list[Work]) -> Work:
    """All weeks together."""
    total = Work()
    for work in works:
        total = total.plus(work)
    return total


def table(works: list[Work]) -> list[str]:
    """A line a week, and what it comes to for 1,000 incoming items."""
    lines = ["| week | incoming | best guess right | placed at a leaf (wrong) | at a parent (wrong) | decisions | hours | catalogue right | all by hand right | the candidate |", "|---" * 10 + "|"]  # fmt: skip
    for week, work in enumerate(works, start=1):
        lines.append(
            f"| {week} | {work.incoming:,} | {work.best_right / work.incoming:.1%} | {work.placed:,} ({work.placed_wrong}) | "
            f"{work.at_parent:,} ({work.at_parent_wrong}) | {work.decisions:,} | {work.seconds / 3600:.1f} | "
            f"{work.right:.2%} | {work.by_hand:.2%} | {work.served} |"
        )
    total = added(works)
    lines += ["", *_summary(total), "", *_why(total), "", *_careful(total)]
    told = [
        f"Week {week}, refused in the week before: {work.refused}."
        for week, work in enumerate(works, 1)
        if work.refused
    ]
    return [*lines, "", *told] if told else lines


def _summary(total: Work) -> list[str]:
    per = 1000 / total.incoming
    placed = max(total.placed, 1)
    return [
        "| for 1,000 incoming items | with the product | all by hand |",
        "|---|---|---|",
        f"| decisions | {total.decisions * per:,.0f} | 1,000 |",
        f"| seconds | {total.seconds * per:,.0f} | {1000 * ITEM_SECONDS:,.0f} |",
        f"| of them decisions on items that already stand at a certified parent | {total.on_parents * per:,.0f} | |",
        f"| of them hidden rows (audit, control), second looks | {total.hidden * per:.0f}, {total.second_looks * per:.1f} | |",
        f"| placed at a leaf by itself, of them right | {total.placed * per:,.0f}, {1 - total.placed_wrong / placed:.2%} | |",
        f"| of them carried from a look-alike's decision, of them right | {total.carried * per:,.0f}, "
        f"{1 - total.carried_wrong / max(total.carried, 1):.2%} | |",
        f"| items settled by a decision | {total.settled / max(total.decisions, 1):.2f} | 1 |",
        f"| items settled in groups, of them belonging elsewhere | {total.in_groups * per:,.0f}, {total.astray / max(total.in_groups, 1):.2%} | |",
        f"| the same with whole groups answered by mistake | {total.in_groups * per:,.0f}, {total.wrong_in_groups / max(total.in_groups, 1):.2%} | |",
    ]  # fmt: skip


def _why(total: Work) -> list[str]:
    lines = ["| what is not placed at a leaf, for 1,000 incoming items | items | best guess right |", "|---|---|---|"]
    names = sorted({name for name, _ in total.why}, key=lambda name: -total.why[name, True] - total.why[name, False])
    for name in names:
        many = total.why[name, True] + total.why[name, False]
        lines.append(f"| {name} | {many * 1000 / total.incoming:,.0f} | {total.why[name, True] / many:.1%} |")
    return lines


def _careful(total: Work) -> list[str]:
    lines = ["| groups by, each member looked at | decisions for 1,000 incoming | seconds (at 3 s a member) | items settled by a decision | looked at in groups, of them belonging elsewhere | left in though belonging elsewhere | the same with whole groups answered by mistake | catalogue right at the end |", "|---" * 8 + "|"]  # fmt: skip
    per = 1000 / total.incoming
    for way, one in total.careful.items():
        decisions, spent = one.decisions + total.second_looks, one.seconds + total.second_looks * ITEM_SECONDS
        right, looked = 1 - (one.wrong + total.unasked_wrong) / total.incoming, max(one.looked, 1)
        lines.append(
            f"| {way} | {decisions * per:,.0f} | {spent * per:,.0f} ({(spent + 2 * one.looked) * per:,.0f}) | "
            f"{one.settled / max(decisions, 1):.2f} | {one.looked * per:,.0f}, {one.differ / looked:.1%} | "
            f"{one.missed / looked:.2%} | {one.wrong_in_groups / looked:.2%} | {right:.2%} |"
        )
    return lines
