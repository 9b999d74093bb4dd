"""The commands a person or a timer would start."""

from pathlib import Path

from typer.testing import CliRunner

from pipelines.cli import app


def catalog(place: Path, *words: str, ok: tuple[int, ...] = (0,)) -> tuple[int, str]:
    """What a command says, and its exit status. Raises what it raised, and RuntimeError for another status than `ok`."""
    result = CliRunner().invoke(app, [*words, "--workspace", str(place)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code not in ok:
        raise RuntimeError(f"catalog {' '.join(words)} ended with {result.exit_code}: {result.output}")
    return result.exit_code, result.output
