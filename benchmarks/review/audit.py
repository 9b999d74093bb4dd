"""The audit's monitor: how far apart its false alarms are, and how long a fall goes unseen.

    python -m benchmarks.review audit [--runs 300]

Reviewers answer wrongly in 2% of looks; a wrong answer names one of fifty other categories. An answer against the placement
counts when a second reviewer's is against it too, as in the product; the column "one look" counts the first alone. Runs
end at forty times the promise, where they count as that long.
"""

import numpy as np

from catalog.certification import monitor

MISTAKES, OTHERS = 0.02, 50
BETWEEN = (1_000, 5_000, 20_000)
HEALTHY = (0.0, 0.005, 0.01)  # above the target
FALLS = (0.01, 0.03, 0.05, 0.08, 0.13, 0.18)
WEEKLY = (20, 100, 500)  # audited answers of a department
LONGEST = 40
CHUNK = 1024


def seen_wrong(rng: np.random.Generator, precision: float, shape: tuple[int, ...], looks: int) -> np.ndarray:
    """Bool: what the audit makes of placements that are right with that chance."""
    wrong = rng.random(shape) > precision
    result = np.ones(shape, bool)
    for _ in range(looks):
        mistaken = rng.random(shape) < MISTAKES
        named_it = rng.random(shape) < 1.0 / OTHERS  # a mistaken answer on a wrong placement that happens to confirm it
        result &= np.where(wrong, ~(mistaken & named_it), mistaken)
    return result


def until_alarm(precision: float, target: float, between: float, *, runs: int, looks: int, seed: int = 0) -> np.ndarray:
    """Answers until the alarm, in each run."""
    rng = np.random.default_rng(seed)
    by_answer, found = monitor.multipliers(target), np.full(runs, int(LONGEST * between))
    alive, state = np.arange(runs), np.zeros((runs, monitor.STEPS))
    for start in range(0, int(LONGEST * between), CHUNK):
        wrong = seen_wrong(rng, precision, (len(alive), CHUNK), looks)
        first = np.full(len(alive), -1)
        for n in range(CHUNK):
            state = monitor.advanced(state, wrong[:, n], by_answer)
            first = np.where((first < 0) & (state.mean(axis=1) >= between), start + n + 1, first)
        found[alive[first >= 0]] = first[first >= 0]
        alive, state = alive[first < 0], state[first < 0]
        if not len(alive):
            break
    return found


def tables(runs: int) -> list[str]:
    """The lines of both tables."""
    lines = [
        "| target | promised between false alarms | true precision | seen, two looks | seen, one look |",
        "|---" * 5 + "|",
    ]
    for target in (0.95, 0.98):
        for between in BETWEEN:
            for above in HEALTHY:
                if target + above >= 1.0 or (between == BETWEEN[-1] and above > HEALTHY[1]):
                    continue
                two, one = (
                    until_alarm(target + above, target, between, runs=max(20, runs // 4), looks=looks)
                    for looks in (2, 1)
                )
                lines.append(
                    f"| {target:.0%} | {between:,} | {target + above:.1%} | {_mean(two, between)} | {_mean(one, between)} |"
                )
    lines += ["", f"| target | falls to | answers until seen (90% of runs) | foretold | weeks at {', '.join(map(str, WEEKLY))} answers a week |", "|---" * 5 + "|"]  # fmt: skip
    for target in (0.95, 0.98):
        for fall in FALLS:
            precision = round(target - fall, 2)
            taken = until_alarm(precision, target, 5_000, runs=runs, looks=2)
            told = monitor.answers_to_alarm(target, precision, 5_000)
            weeks = ", ".join(f"{taken.mean() / weekly:.1f}" for weekly in WEEKLY)
            lines.append(
                f"| {target:.0%} | {precision:.0%} | {taken.mean():,.0f} ({np.quantile(taken, 0.9):,.0f}) | {told:,} | {weeks} |"
            )
    return lines


def _mean(taken: np.ndarray, between: float) -> str:
    most = int(LONGEST * between)
    cut = (taken >= most).mean()
    return f"{taken.mean():,.0f}" if cut < 0.01 else f"over {taken.mean():,.0f}"
