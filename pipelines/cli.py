"""The command `catalog`: each command opens the workspace, calls one job and says what happened."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from pipelines import cli_feeds, cli_promote, cli_review, cli_rules, cli_runs, cli_vendor
from pipelines.cli_changes import export_app
from pipelines.cli_correct import correct
from pipelines.cli_explain import explain
from pipelines.cli_keep import backup, prune, restore, upgrade
from pipelines.cli_night import nightly
from pipelines.cli_review_page import serve as review_serve
from pipelines.cli_sql import sql
from pipelines.cli_taxonomy import taxonomy_app
from pipelines.cli_tree import tree_app
from pipelines.cli_trial import trial
from pipelines.cli_vendor_categories import vendor_categories
from pipelines.command import CURRENT, Engine, Here
from pipelines.command import session as _session

app = typer.Typer(
    name="catalog",
    help="Files vendor products in a category hierarchy at a certified precision, and hands people only the rest.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
labels_app = typer.Typer(no_args_is_help=True, help="Products that already have a category.")
models_app = typer.Typer(help="What can serve; alone it lists.")
predictions_app = typer.Typer(no_args_is_help=True, help="Answers of other classifiers.")
app.add_typer(cli_feeds.app, name="feeds")
app.add_typer(taxonomy_app, name="taxonomy")
app.add_typer(tree_app, name="tree")
app.add_typer(labels_app, name="labels")
cli_review.app.command("serve")(review_serve)
app.add_typer(cli_review.app, name="review")
app.add_typer(cli_runs.app, name="runs")
app.add_typer(cli_rules.app, name="rules")
app.add_typer(models_app, name="models")
app.add_typer(predictions_app, name="predictions")
app.add_typer(export_app, name="export")
app.command()(correct)
app.command()(explain)
cli_vendor.app.command("categories")(vendor_categories)
app.add_typer(cli_vendor.app, name="vendor")

Limit = Annotated[int | None, typer.Option(help="At most this many rows, to try things out.", min=1)]


def _say_version(asked: bool) -> None:
    if asked:
        from catalog.jobs import program_version
        from catalog.publishing.publication import STORAGE_VERSION, schema_version

        typer.echo(
            f"feedshelf {program_version()}; publishes DuckDB storage {STORAGE_VERSION}, schema {schema_version()}"
        )
        raise typer.Exit()


@app.callback()
def common(
    log_format: Annotated[str, typer.Option(help="plain or json lines on standard error.")] = "plain",
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Says what this is, in one line.")
    ] = False,
) -> None:
    """Settings shared by all commands."""
    from catalog import logs

    if log_format not in ("plain", "json"):
        raise typer.BadParameter("use plain or json", param_hint="--log-format")
    logs.configure("json" if log_format == "json" else "plain")


@app.command()
def init(folder: Path) -> None:
    """Makes a workspace: folders, a commented catalog.toml and an empty policy.toml."""
    from pipelines import workspace

    made = workspace.init(folder)
    typer.echo(f"Workspace {made.root} is ready.")
    typer.echo(f"Next: catalog taxonomy import FILE --workspace {folder}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where the sample workspace is made.")] = Path("demo-workspace"),
    products: Annotated[int, typer.Option(min=400, help="Labelled products to draw.")] = 4400,
) -> None:
    """Makes a drawn sample workspace, trains on it, runs two nights and says what to open next."""
    from pipelines import demo as job

    typer.echo(job.run(folder, products=products))


@app.command()
def doctor(
    workspace: Here = CURRENT,
    measure: Annotated[
        bool, typer.Option("--bench", help="Also measure what this machine does an hour; takes about 20 seconds.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Also ask of all facts and files whether everything holds that must.")
    ] = False,
) -> None:
    """Checks settings, tables, disk and model of a workspace; exit status 1 when something needs a person."""
    from pipelines import workspace as job

    report, healthy = job.doctor(workspace)
    typer.echo(report)
    if verify:
        whole, said = job.verified(workspace)
        typer.echo(said)
        healthy = healthy and whole
    if measure:
        from pipelines import bench

        typer.echo(bench.run(workspace))
    raise typer.Exit(0 if healthy else 1)


@app.command()
def status(workspace: Here = CURRENT) -> None:
    """Ten lines: last night, feeds, vendors, backlog, automation, disk, next step; below them deliveries that need a person."""
    from pipelines import status as job

    typer.echo(job.text(workspace))


@labels_app.command("import")
def labels_import(
    file: Path,
    workspace: Here = CURRENT,
    vendor: Annotated[str | None, typer.Option(help="Whose products these are, where the file has no vendor.")] = None,
    random: Annotated[
        bool, typer.Option("--random", help="The file is a sample nobody selected: it may certify.")
    ] = False,
    source: Annotated[str, typer.Option(help="What the labels are called in lineage.")] = "label",
) -> None:
    """Imports products that already have a category: standing decisions, and what training learns from."""
    from pipelines import labels

    with _session(workspace) as session, session.single("labels", str(file)) as job:
        counts = labels.run(job, file, vendor=vendor, random=random, source=source)
    typer.echo(", ".join(f"{name} {number}" for name, number in counts.items()))


@app.command()
def train(
    workspace: Here = CURRENT,
    limit: Limit = None,
    compare: Annotated[
        bool, typer.Option("--compare-encoders", help="Only rank encoders on your labels; trains nothing.")
    ] = False,
) -> None:
    """Trains, exports, calibrates and certifies a bundle; it serves at once only when none serves yet."""
    from catalog.review import disagreements
    from pipelines import certify, compare_encoders
    from pipelines import train as job

    if compare:
        with _session(workspace) as session, session.single("compare encoders", limit) as work:
            typer.echo(compare_encoders.run(work, limit=limit))
        return
    with _session(workspace) as session, session.single("train") as work:
        model_id = job.run(work, limit=limit)
        typer.echo(certify.outlook(work, model_id))
        for line in disagreements.left_out(work.store):
            typer.echo(line)
    typer.echo(
        f"Model {model_id} is ready. Compare it: catalog evaluate {model_id}; serve it: catalog promote {model_id}"
    )


app.command()(cli_promote.evaluate)
app.command()(cli_promote.promote)
app.command()(cli_promote.rollback)
models_app.command("sign")(cli_promote.sign)
app.command()(cli_promote.approve_moves)
app.command()(cli_promote.reclassify)


@models_app.callback(invoke_without_command=True)
def models(context: typer.Context, workspace: Here = CURRENT) -> None:
    """What can serve: our bundles and imported answers. Without a command they are listed."""
    if context.invoked_subcommand is None:
        models_list(workspace)


@models_app.command("list")
def models_list(workspace: Here = CURRENT) -> None:
    """Lists what can serve, oldest first: kind, leaf accuracy, certificate; the serving one is marked."""
    from pipelines import workspace as job

    typer.echo(job.models(workspace))


@models_app.command("compare")
def models_compare(first: str, second: str, workspace: Here = CURRENT) -> None:
    """Puts two models side by side on labelled products neither has trained on."""
    from pipelines import evaluate

    with _session(workspace) as session, session.single("compare", first, second) as work:
        typer.echo(evaluate.side_by_side(work, first, second))


@predictions_app.command("import")
def predictions_import(
    file: Path,
    name: Annotated[str, typer.Option(help="What to call the model the answers come from.")],
    workspace: Here = CURRENT,
    vendor: Annotated[str | None, typer.Option(help="Whose items these are, where the file has no vendor.")] = None,
    scores: Annotated[str, typer.Option(help="auto, probability, percent, logit or rank.")] = "auto",
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="A new model of this file's answers alone, with its own certificate.")
    ] = False,
) -> None:
    """Takes another classifier's answers as a model: calibrated, certified, compared and served like our own."""
    from pipelines import certify
    from pipelines import predictions as job

    with _session(workspace) as session, session.single("predictions", str(file), name) as work:
        found = job.run(work, file, name, job.How(vendor, scores, recalibrate))
        typer.echo(found.text())
        typer.echo(certify.outlook(work, found.model_id))
    typer.echo(f"Compare it: catalog models compare {found.model_id} OTHER; serve it: catalog promote {found.model_id}")


def _step(workspace: Path, name: str, *, engine: Engine = None) -> None:
    from pipelines import nightly as job

    with _session(workspace, engine=engine) as session:
        found = job.to_take(session)
        run_id, _ = job.begin(session, found)
        if run_id is None:
            typer.echo("Nothing to do: no new delivery, decision, model or setting since the last run.")
            return
        if name == "publish":
            job.finish(session, run_id, found)
        else:
            job.step(session, name, run_id, found)
        typer.echo(f"Run {run_id}: {name} done.")


@app.command()
def ingest(workspace: Here = CURRENT) -> None:
    """Reads what vendors delivered: first step of a run."""
    _step(workspace, "ingest")


@app.command()
def fetch(workspace: Here = CURRENT) -> None:
    """Fetches pictures that vendors name by URL, as far as the settings for images allow."""
    _step(workspace, "fetch")


@app.command()
def classify(workspace: Here = CURRENT, engine: Engine = None) -> None:
    """Predicts for inputs the serving model has not seen."""
    _step(workspace, "classify", engine=engine)


@app.command()
def route(workspace: Here = CURRENT) -> None:
    """Settles where each item stands, from stored predictions."""
    _step(workspace, "certify")
    _step(workspace, "route")


@app.command()
def publish(
    workspace: Here = CURRENT,
    parquet: Annotated[Path | None, typer.Option(help="Also write all that is published there, as Parquet.")] = None,
) -> None:
    """Does what is left of the run, replaces published/catalog.duckdb and ends it."""
    from catalog.publishing.parquet import export
    from catalog.settings import Workspace

    _step(workspace, "publish")
    if parquet is not None:
        typer.echo(f"All files: {export(Workspace(workspace).published_db, parquet)}")


app.command("nightly")(nightly)
app.command()(trial)
app.command()(backup)
app.command()(restore)
app.command()(prune)
app.command()(upgrade)
app.command()(sql)


@app.command()
def report(workspace: Here = CURRENT) -> None:
    """Writes the page of the last run again and says where it is."""
    from pipelines import report as job
    from pipelines import workspace as places

    with _session(workspace) as session:
        typer.echo(job.run(session.job(places.last_run(session.store))))


def main() -> None:
    """Entry point."""
    from catalog import allocators

    allocators.keep_pages()
    explained(app)


def explained(work: Callable[[], object]) -> None:
    """Does the work; errors a person can fix end in one line with the remedy, not in a traceback."""
    from catalog.errors import CatalogError

    try:
        work()
    except CatalogError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:
        from catalog.store import disk_trouble

        trouble = disk_trouble(error)
        if trouble is None:
            raise
        typer.echo(f"error: {trouble}", err=True)
        sys.exit(trouble.exit_code)


if __name__ == "__main__":
    main()
