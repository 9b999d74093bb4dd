"""The end of a night: its summary, the files for machines, the word to others.  `catalog nightly`"""

import subprocess
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog

from catalog import durable
from catalog.errors import CatalogError
from catalog.jobs import now, open_run
from catalog.publishing import ending, prometheus, summary, verdict
from catalog.publishing.ending import Ending
from catalog.publishing.verdict import Alarm
from catalog.settings import Notify, Workspace
from catalog.store import query_published
from catalog.watch import drift_words
from pipelines import nightly
from pipelines.session import Session

OVER_ALLOWANCE = 65
_COMMAND_SECONDS = 60
NOTHING = "Nothing to do: no new delivery, decision, model or setting since the last run."


def run(session: Session, *, vendor: str | None = None, retraining: str | None = None) -> Ending:
    """Runs the night and writes down how it ended. A failed one is written down and told too, then raised again."""
    started = now()
    try:
        night = nightly.run(session, vendor=vendor, retraining=retraining)
    except Exception as error:
        found = _failed(session, error, started)
        _kept(session, found)
        tell(session.workspace, session.settings.notify, found)
        raise
    found = _ended(session, night, started)
    _kept(session, found)
    return found


def _ended(session: Session, night: nightly.Night, started: datetime) -> Ending:
    ask = partial(query_published, session.workspace.published_db)
    state = ending.state(ask)
    allowed = night.allowed(session.settings.feeds)
    complaint = (
        f"{night.refused} feeds were refused or held and {len(night.late)} vendors are late, {allowed} are allowed. "
        f"See: catalog feeds list{f'; catalog runs show {night.run_id}' if night.run_id else ''}"
    )
    over = night.trouble > allowed
    said = complaint if over else f"attention: {complaint}" if night.trouble else ""
    broken = [
        Alarm(verdict.BROKEN, "", line, "Run catalog doctor --verify and do what it says") for line in night.broken
    ]
    return Ending(
        status="done" if night.run_id else "nothing_to_do",
        run_id=night.run_id,
        started_at=started,
        ended_at=now(),
        exit_status=1 if broken else OVER_ALLOWANCE if over else 0,
        alarms=(*broken, *verdict.alarms(ask, state.run_id)),
        state=state,
        table="\n".join(_table(session, night)),
        complaint=said,
    )


def _table(session: Session, night: nightly.Night) -> list[str]:
    """The counts by vendor, and a line for all else that a person may want to know of this night."""
    counts = summary.run_table(session.store, night.run_id) if night.run_id else NOTHING
    left = [f"left for the next night: {line}" for line in night.left]
    watched = drift_words.lines(session.store, night.run_id) if night.run_id else []
    return [counts, *watched, *night.late, *left, *night.rules, *([night.retraining] if night.retraining else [])]


def _failed(session: Session, error: Exception, started: datetime) -> Ending:
    """What is still known of a night that broke off. Only our own errors are quoted: others may hold anything."""
    known = isinstance(error, CatalogError)
    alarm = Alarm(
        verdict.FAILED,
        "",
        f"The night failed: {error.message if isinstance(error, CatalogError) else type(error).__name__}",
        error.remedy if isinstance(error, CatalogError) else "See the log, then run catalog nightly again: it goes on",
    )
    left = None if known and session.store.stage == "store" else open_run(session.store)
    found = Ending(
        status="failed",
        run_id=left.run_id if left else None,
        started_at=started,
        ended_at=now(),
        exit_status=getattr(error, "exit_code", 1),
        alarms=(alarm,),
    )
    if not session.workspace.published_db.exists():
        return found
    return replace(found, state=ending.state(partial(query_published, session.workspace.published_db)))


def _kept(session: Session, found: Ending) -> None:
    """Writes published/night.json and the metrics; a folder of others that cannot be written is no reason to fail."""
    durable.write(session.workspace.night_json, found.content().encode())
    target = session.settings.notify.metrics_path
    if target is None:
        return
    try:
        durable.write(target, prometheus.text(found).encode())
    except OSError as error:
        _warn("metrics", reason=error.strerror or type(error).__name__, file=str(target))


def tell(workspace: Workspace, notify: Notify, found: Ending) -> None:
    """Calls the command and the webhook of the settings; that one fails is a warning."""
    if notify.when == "alarms" and not found.alarms:
        return
    if notify.command and (reason := _commanded(workspace, notify.command, found.content())):
        _warn("command", reason=reason, command=notify.command[0])
    if notify.webhook is not None:
        from catalog.publishing import webhook  # noqa: PLC0415 - a third of a second that nights without one need not pay

        url = notify.webhook.get_secret_value()
        if reason := webhook.post(url, found.content(), allow_hosts=notify.allow_hosts):
            _warn("webhook", reason=reason, host=webhook.host(url))


def _commanded(workspace: Workspace, command: tuple[str, ...], content: str) -> str | None:
    """Runs it without a shell, the JSON on its standard input; None when it went well, else why not."""
    try:
        done = subprocess.run(
            command, input=content, text=True, encoding="utf-8", cwd=workspace.root, timeout=_COMMAND_SECONDS,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "timeout"
    except OSError as error:
        return error.strerror or "not_started"
    return f"exit_{done.returncode}" if done.returncode else None


def _warn(via: str, **facts: str) -> None:
    structlog.get_logger().warning("not_told", via=via, **facts)
