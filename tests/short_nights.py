"""A night without its page: drawing the charts takes longer than all the rest of so small a night."""

from pathlib import Path

from pipelines import nightly
from pipelines.session import opened


def short_night(place: Path) -> str | None:
    """Every other step of `catalog nightly`, to the end; the run's id, None when there was nothing to do."""
    with opened(place) as session:
        found = nightly.to_take(session)
        run_id, _ = nightly.begin(session, found)
        if run_id is None:
            return None
        for name in nightly.STAGES:
            if name != "report":
                nightly.step(session, name, run_id, found)
        nightly.close(session, run_id)
    return run_id
