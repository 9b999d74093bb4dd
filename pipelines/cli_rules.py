"""The command `catalog rules check`: what the rules of policy.toml mean, and what history says of them."""

import typer

from pipelines.command import CURRENT, Here
from pipelines.command import session as _session

app = typer.Typer(no_args_is_help=True, help="Rules of policy.toml: owned, dated, checked against history.")


@app.callback()
def rules() -> None:
    """Rules of policy.toml: owned, dated, checked against history."""


@app.command()
def check(workspace: Here = CURRENT) -> None:
    """What each rule would have changed and how often it was right; expired, unknown and contradictory ones. Changes nothing."""
    from pipelines import rules as job

    with _session(workspace) as session:
        typer.echo(job.report(session.job("rules check")))
