"""The end of a night: its summary, the files for machines, the word to others.  `catalog nightly`"""

import subprocess
from datetime import datetime
from pathlib import Path

import structlog

from catalog import durable
from catalog.errors import CatalogError
from catalog.jobs import now, open_run
from catalog.publishing import ending, prometheus, summary, verdict
from catalog.publishing.ending import Ending
from catalog.publishing.questions import Ask
from catalog.publishing.reader import published_version, reading
from catalog.publishing.verdict import Alarm
from catalog.settings import Feeds, Notify, Workspace
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
        _last_words(session, error, started)
        raise
    found = _ended(session, night, started)
    _kept(session, found)
    return found


def _ended(session: Session, night: nightly.Night, started: datetime) -> Ending:
    with reading(session.workspace.published_db) as reader:
        state = ending.state(reader.query)
        alarms = verdict.alarms(reader.query, state.run_id, today=session.store.query)
        table = _table(reader.query, night)
    status, complaint = weighed(night, session.settings.feeds)
    broken = [
        Alarm(verdict.BROKEN, "", line, "Run catalog doctor --verify and do what it says") for line in night.broken
    ]
    return Ending(
        status="done" if night.run_id else "nothing_to_do",
        run_id=night.run_id,
        started_at=started,
        ended_at=now(),
        exit_status=1 if broken else status,
        alarms=(*broken, *alarms),
        state=state,
        table="\n".join(table),
        complaint=complaint,
    )


def weighed(night: nightly.Night, limits: Feeds) -> tuple[int, str]:
    """The exit status for refused files and late vendors, and what to say of them; "" where there is nothing to say."""
    if not night.trouble:
        return 0, ""
    allowed = night.allowed(limits)
    said = (
        f"{night.refused} feeds were refused or held and {len(night.late)} vendors are late, {allowed} are allowed. "
        f"See: catalog feeds list{f'; catalog runs show {night.run_id}' if night.run_id else ''}"
    )
    return (OVER_ALLOWANCE, said) if night.trouble > allowed else (0, f"attention: {said}")


def _table(ask: Ask, night: nightly.Night) -> list[str]:
    """The counts by vendor, and a line for what no alarm says of this night."""
    counts = summary.run_table(ask, night.run_id) if night.run_id else NOTHING
    left = [f"left for the next night: {line}" for line in night.left]
    return [counts, *left, *night.rules, *([night.retraining] if night.retraining else [])]


def _last_words(session: Session, error: Exception, started: datetime) -> None:
    """Writes down and tells that a night failed. Whatever goes wrong here must not hide why it failed."""
    try:
        found = _failed(session, error, started)
        _kept(session, found)
        tell(session.workspace, session.settings.notify, found)
    except Exception as another:  # the disk may be full, the work database closed
        _warn("night", type(another).__name__, "")


def _failed(session: Session, error: Exception, started: datetime) -> Ending:
    """What is still known of a night that broke off. Only our own errors are quoted: others may hold anything."""
    said = error.message if isinstance(error, CatalogError) else type(error).__name__
    todo = (
        error.remedy if isinstance(error, CatalogError) else "See the log, then run catalog nightly again: it goes on"
    )
    left = open_run(session.store)
    published = session.workspace.published_db
    readable = published_version(published) == session.store.one("SELECT schema_version()")
    return Ending(
        status="failed",
        run_id=left.run_id if left else None,
        started_at=started,
        ended_at=now(),
        exit_status=error.exit_code if isinstance(error, CatalogError) else 1,
        alarms=(Alarm(verdict.FAILED, "", f"The night failed: {said}", todo),),
        state=_state(published) if readable else None,
    )


def _state(published: Path) -> ending.State:
    with reading(published) as reader:
        return ending.state(reader.query)


def _kept(session: Session, found: Ending) -> None:
    """Writes published/night.json and the metrics; that one cannot be written is a warning."""
    _written(session.workspace.night_json, found.content())
    if session.settings.notify.metrics_path is not None:
        _written(session.settings.notify.metrics_path, prometheus.text(found))


def _written(target: Path, content: str) -> None:
    try:
        durable.write(target, content.encode())
    except OSError as error:
        _warn(target.name, error.strerror or type(error).__name__, str(target))


def tell(workspace: Workspace, notify: Notify, found: Ending) -> None:
    """Calls the command and the webhook of the settings; that one fails is a warning."""
    if notify.when == "alarms" and not found.alarms:
        return
    if notify.command and (reason := _commanded(workspace, notify.command, found.content())):
        _warn("command", reason, notify.command[0])
    if notify.webhook is not None:
        from catalog.publishing import webhook  # noqa: PLC0415 - a third of a second that nights without one need not pay

        url = notify.webhook.get_secret_value()
        if reason := webhook.post(url, found.content(), allow_hosts=notify.allow_hosts):
            _warn("webhook", reason, webhook.host(url))


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


def _warn(via: str, reason: str, about: str) -> None:
    structlog.get_logger().warning("not_told", via=via, reason=reason, about=about)
