"""Ranks encoders on the standing decisions; trains and writes nothing.  `catalog train --compare-encoders`"""

from catalog.jobs import Job
from catalog.learning import examples
from catalog.taxonomies.versions import latest_taxonomy
from pipelines.train import training_settings


def run(job: Job, *, limit: int | None = None) -> str:
    """The comparison as text; `limit` bounds the labelled products looked at."""
    from catalog.learning import encoder_choice  # noqa: PLC0415 - torch is loaded only where encoders run

    settings = training_settings(job)
    known = examples.labelled(job.store, latest_taxonomy(job.store), seed=settings.seed)
    if limit is not None:
        known = known.sample(min(limit, known.height), seed=settings.seed)
    sample = encoder_choice.sample(
        known, learn=encoder_choice.LEARN, held_out=encoder_choice.HELD_OUT, seed=settings.seed
    )
    ranked = encoder_choice.compare(sample, encoder_choice.candidates(settings), job.progress)
    return encoder_choice.table(ranked, sample)
