"""The end of a night in the text format of Prometheus, for the textfile collector of a node exporter."""

from collections.abc import Iterator

from catalog.publishing.ending import Ending, State
from catalog.publishing.verdict import CODES

# Name, kind, what it says. Names end in their unit; _total are counters, which only grow while the workspace lives.
METRICS = (
    ("feedshelf_night_end_timestamp_seconds", "gauge", "When the last night ended, well or not."),
    ("feedshelf_night_duration_seconds", "gauge", "How long it took."),
    ("feedshelf_night_success", "gauge", "1 when it went through, 0 when it failed."),
    ("feedshelf_alarms", "gauge", "Alarms of a code after the last night, 6 for more than five, 0 for none."),
    ("feedshelf_run_rows", "gauge", "Rows of the last run by outcome, those of refused and held files included."),
    ("feedshelf_live_items", "gauge", "Items that are live."),
    ("feedshelf_automation_ratio", "gauge", "Placed at a leaf by the model, of the items nobody decided."),
    ("feedshelf_audited_precision_ratio", "gauge", "Right among the blind checks of the serving model."),
    ("feedshelf_waiting_items", "gauge", "Items that wait for a person."),
    ("feedshelf_waiting_answers", "gauge", "Answers that would settle them."),
    ("feedshelf_waiting_oldest_seconds", "gauge", "How long the first of them had waited when it was published."),
    ("feedshelf_vendor_late", "gauge", "1 for a vendor that should have delivered and has not."),
    ("feedshelf_vendor_stale", "gauge", "1 for a vendor whose youngest files were held or refused: older items stand."),
    ("feedshelf_vendor_accepted_timestamp_seconds", "gauge", "When a vendor's youngest accepted file came."),
    ("feedshelf_runs_total", "counter", "Nights in which something was delivered."),
    ("feedshelf_received_rows_total", "counter", "Rows received in all of them, whatever became of them."),
)
_OUTCOMES = (
    "placed",
    "placed_at_parent",
    "review",
    "decided",
    "duplicate",
    "quarantine",
    "withdrawn",
    "refused",
    "held",
)
Sample = tuple[str, dict[str, str], float]


def text(ending: Ending) -> str:
    """Every metric with its help and kind; those without a value today are left out."""
    samples = [*_of_the_night(ending), *(_of_the_catalogue(ending.state) if ending.state else ())]
    lines = []
    for name, kind, said in METRICS:
        found = [sample for sample in samples if sample[0] == name]
        if found:
            lines += [f"# HELP {name} {said}", f"# TYPE {name} {kind}", *map(_line, found)]
    return "\n".join(lines) + "\n"


def _of_the_night(ending: Ending) -> Iterator[Sample]:
    yield "feedshelf_night_end_timestamp_seconds", {}, ending.ended_at.timestamp()
    yield "feedshelf_night_duration_seconds", {}, ending.seconds
    yield "feedshelf_night_success", {}, float(ending.status != "failed")
    for code in CODES:
        yield "feedshelf_alarms", {"code": code}, sum(alarm.code == code for alarm in ending.alarms)


def _of_the_catalogue(state: State) -> Iterator[Sample]:
    for outcome in _OUTCOMES:
        yield "feedshelf_run_rows", {"outcome": outcome}, state.rows[outcome]
    plain = {
        "feedshelf_live_items": state.live_items,
        "feedshelf_automation_ratio": state.automation,
        "feedshelf_audited_precision_ratio": state.audited_precision,
        "feedshelf_waiting_items": state.waiting_items,
        "feedshelf_waiting_answers": state.waiting_answers,
        "feedshelf_waiting_oldest_seconds": 3600 * state.waiting_oldest_hours,
        "feedshelf_runs_total": state.runs,
        "feedshelf_received_rows_total": state.received_rows,
    }
    yield from ((name, {}, value) for name, value in plain.items() if value is not None)
    for vendor in state.vendors:
        label = {"vendor": vendor["vendor"]}
        yield "feedshelf_vendor_late", label, float(vendor["late"])
        yield "feedshelf_vendor_stale", label, float(vendor["stale"])
        if vendor["last_accepted_at"] is not None:
            yield "feedshelf_vendor_accepted_timestamp_seconds", label, vendor["last_accepted_at"].timestamp()


def _line(sample: Sample) -> str:
    name, labels, value = sample
    inside = ",".join(f'{key}="{_escaped(said)}"' for key, said in labels.items())
    return f"{name}{{{inside}}} {value:.15g}" if inside else f"{name} {value:.15g}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
