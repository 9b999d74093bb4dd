"""The end of a night: what a person reads, what machines read, and that telling others can never fail it."""

import json
import re
import socketserver
import stat
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest
from hand_made import busy, hand_made, job
from pydantic import ValidationError
from structlog.testing import capture_logs

from catalog.errors import CatalogError
from catalog.publishing import ending, prometheus, views, webhook
from catalog.publishing.ending import Ending
from catalog.publishing.reader import published_version, query_published
from catalog.publishing.verdict import FAILED, Alarm
from catalog.settings import Notify, Workspace
from pipelines import ending as night_end
from pipelines import nightly, publish, report, workspace
from pipelines.session import opened
from tests.untrained import untrained

START, END = datetime(2026, 3, 2, 1, tzinfo=UTC), datetime(2026, 3, 2, 1, 5, tzinfo=UTC)
ALARM = Alarm("vendor_late", "bolt", "bolt is late.", "Call bolt.")


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> ending.State:
    """Of the hand-made workspace, whose run 4 is published."""
    place, store = hand_made(tmp_path_factory.mktemp("state"))
    busy(store)
    views.create(store)
    publish.run(job(place, store))
    found = ending.state(partial(query_published, place.published_db))
    store.close()
    return found


def night(status: ending.Status = "done", **facts) -> Ending:
    usual = {"run_id": "000004-dddd", "started_at": START, "ended_at": END, "exit_status": 0}
    return Ending(status=status, **{**usual, **facts})


def test_a_person_reads_it_in_a_few_lines(state) -> None:
    lines = night(state=state).text.splitlines()
    assert lines[0] == "Run 000004-dddd: all right."
    assert lines[1] == "  in        3 rows: 1 new, 1 changed, 1 unchanged, 0 left out"
    assert lines[2] == "  went      1 placed, 0 at a parent, 1 to a person, 1 decided"
    assert lines[3].startswith("  waiting   1 of 29 items, 1 answer settles them, the oldest for ")
    assert lines[4] == (
        "  answered  2 in the last 7 days, half of them within 13 hours, all but a twentieth within 17 hours"
    )
    assert len(lines) == 5
    done = replace(state, waiting_items=0, answered_items=0, answered_median_hours=None, answered_p95_hours=None)
    assert night(state=done).text.splitlines()[3:] == [
        "  waiting   none of 29 items", "  answered  nothing in the last 7 days",
    ]  # fmt: skip
    assert ending.answered(9, 0.2, 49.5).endswith("half of them within 1 hour, all but a twentieth within 3 days")
    lines = night(state=state, alarms=(ALARM,)).text.splitlines()
    assert lines[0] == "Run 000004-dddd: LOOK HERE, 1 thing."
    assert lines[-2:] == ["  1. bolt is late.", "     to do: Call bolt."]


def test_machines_read_the_same(state) -> None:
    told = json.loads(night(state=state, alarms=(ALARM,), exit_status=65).content())
    assert told["verdict"] == "look_here" and told["alarms"] == [vars(ALARM)] and told["exit_status"] == 65
    assert told["state"]["rows"]["in"] == 3 and told["state"]["rows"]["refused"] == 40
    stale = [(vendor["vendor"], vendor["stale"]) for vendor in told["state"]["vendors"] if vendor["stale"]]
    assert told["state"]["vendors"][0]["vendor"] == "acme" and stale == [("bolt", True)]
    assert json.loads(night("failed", run_id=None).content())["state"] is None


SAMPLE = re.compile(r'^(feedshelf_\w+)(?:\{\w+="(?:[^"\\\n]|\\.)*"\})? (\S+)$')


def samples(text: str) -> dict[str, list[float]]:
    """Values by metric; every other line is the HELP or TYPE that comes before its metric."""
    found: dict[str, list[float]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = SAMPLE.fullmatch(line).groups()
            found.setdefault(name, []).append(float(value))
    return found


def test_metrics_are_what_prometheus_reads(state) -> None:
    odd = ({"vendor": 'a"b\\c\nd', "late": True, "stale": True, "last_accepted_at": None},)
    found = samples(prometheus.text(night(state=ending.State(**{**vars(state), "vendors": odd}), alarms=(ALARM,))))
    assert found["feedshelf_night_success"] == [1.0] and found["feedshelf_night_duration_seconds"] == [300.0]
    assert sum(found["feedshelf_alarms"]) == 1 and found["feedshelf_vendor_late"] == [1.0]
    assert found["feedshelf_vendor_stale"] == [1.0]
    assert found["feedshelf_received_rows_total"] == [125.0] and found["feedshelf_live_items"] == [29.0]
    assert samples(prometheus.text(night("failed")))["feedshelf_night_success"] == [0.0]
    text = prometheus.text(night(state=state))
    assert [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")] == [
        name for name, *_ in prometheus.METRICS if name in text
    ]


# ---------------------------------------------------------------- telling others


class Hook(BaseHTTPRequestHandler):
    bodies: list[bytes]
    status = 200

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[HTTPServer]:
    handler = type("OneHook", (Hook,), {"bodies": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_webhook_gets_the_json_and_its_secret_is_in_no_log(hook, tmp_path) -> None:
    url = f"http://127.0.0.1:{hook.server_port}/hooks/s3cret"
    notify = Notify(webhook=url, allow_hosts=("127.0.0.1",))
    with capture_logs() as logs:
        night_end.tell(Workspace(tmp_path), notify, night(alarms=(ALARM,)))
        night_end.tell(Workspace(tmp_path), notify, night())  # all right: nobody is told
        assert logs == []
        hook.RequestHandlerClass.status = 404
        night_end.tell(Workspace(tmp_path), notify, night(alarms=(ALARM,)))
    assert [log["reason"] for log in logs] == ["http_404"]
    assert len(hook.RequestHandlerClass.bodies) == 2
    assert json.loads(hook.RequestHandlerClass.bodies[0])["alarms"][0]["code"] == "vendor_late"
    assert "s3cret" not in json.dumps(logs) and "s3cret" not in repr(notify)


def test_a_webhook_reaches_no_private_address_unless_told(hook) -> None:
    url = f"http://127.0.0.1:{hook.server_port}/hooks/x"
    assert webhook.post(url, "{}") == "blocked_address"
    assert webhook.post("https://169.254.169.254/latest", "{}") == "blocked_address"
    assert hook.RequestHandlerClass.bodies == []


@pytest.mark.parametrize(
    "facts",
    [
        {"webhook": "http://chat.example.com/s3cret"},
        {"webhook": "https://anna:s3cret@chat.example.com/"},
        {"webhook": "s3cret"},
        {"metrics_file": "night.prom"},
        {"metrics_file": "/var/lib/night.txt"},
    ],
)
def test_settings_that_cannot_work_are_refused_without_the_secret(tmp_path, facts) -> None:
    place = workspace.init(tmp_path / "ws")
    lines = "".join(f'{name} = "{value}"\n' for name, value in facts.items())
    place.settings_file.write_text(f"[notify]\n{lines}")
    with pytest.raises(CatalogError, match="notify") as refused:
        place.settings()
    assert "s3cret" not in str(refused.value)
    with pytest.raises(ValidationError):
        Notify(**facts)


def test_a_command_reads_the_json_and_may_fail(tmp_path) -> None:
    keep = "import sys; open('told.json', 'w').write(sys.stdin.read())"
    night_end.tell(Workspace(tmp_path), Notify(command=(sys.executable, "-c", keep), when="always"), night())
    assert json.loads((tmp_path / "told.json").read_text())["verdict"] == "all_right"
    with capture_logs() as logs:
        for command in ((sys.executable, "-c", "raise SystemExit(3)"), ("/no/such/program",)):
            night_end.tell(Workspace(tmp_path), Notify(command=command), night(alarms=(ALARM,)))
    assert [log["reason"] for log in logs] == ["exit_3", "No such file or directory"]


class MailServer(socketserver.StreamRequestHandler):
    """As much of SMTP as one message takes."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            self.wfile.write({b"DATA": b"354 go on\r\n", b"QUIT": b"221 bye\r\n"}.get(word, b"250 well\r\n"))
            if word == b"DATA":
                self.server.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))  # type: ignore[attr-defined]
                self.wfile.write(b"250 taken\r\n")
            elif word == b"QUIT":
                return


def test_the_mail_of_the_handbook_is_sent(tmp_path) -> None:
    text = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    [example] = [part for part in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "smtplib" in part]
    with socketserver.TCPServer(("127.0.0.1", 0), MailServer) as server:
        server.mails = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        words = tomllib.loads(example)["notify"]["command"]
        script = words[2].replace('"localhost", 25', f'"127.0.0.1", {server.server_address[1]}')
        with capture_logs() as logs:
            night_end.tell(Workspace(tmp_path), Notify(command=(sys.executable, "-c", script)), night(alarms=(ALARM,)))
        assert logs == []
        thread.join()
        [mail] = server.mails  # type: ignore[attr-defined]
    assert b"Subject: Catalog: look here" in mail and b"LOOK HERE, 1 thing." in mail and b"to do: Call bolt." in mail


# ---------------------------------------------------------------- a night and its end


@pytest.fixture
def place(tmp_path) -> Workspace:
    """A workspace without a model, to which one vendor delivers two mugs."""
    settings = f'[notify]\nmetrics_file = "{tmp_path / "metrics" / "feedshelf.prom"}"\n'
    return untrained(tmp_path, {"acme": "item_id,title\n1,red mug\n2,blue mug\n"}, settings)


def test_a_night_leaves_its_json_and_its_metrics(place, tmp_path) -> None:
    with opened(place.root) as session:
        first = night_end.run(session)
        second = night_end.run(session)
    assert (first.status, second.status) == ("done", "nothing_to_do")
    assert {alarm.code for alarm in first.alarms} == {"no_model"} and first.text.startswith("Run 000002-")
    told = json.loads(place.night_json.read_text())
    assert told["status"] == "nothing_to_do" and told["run_id"] is None and told["state"]["run_id"] == first.run_id
    metrics = tmp_path / "metrics" / "feedshelf.prom"
    assert samples(metrics.read_text())["feedshelf_waiting_items"] == [2.0]
    assert stat.S_IMODE(metrics.stat().st_mode) & 0o444 == 0o444 and len(list(metrics.parent.iterdir())) == 1


def test_a_failed_night_is_told_and_stays_failed(place, monkeypatch) -> None:
    def full(*_: object, **_options: object) -> None:
        raise CatalogError("The disk is full.", remedy="Make room.")

    monkeypatch.setattr(nightly.review, "export", full)
    with opened(place.root) as session, pytest.raises(CatalogError, match="disk is full"):
        night_end.run(session)
    told = json.loads(place.night_json.read_text())
    assert told["status"] == "failed" and told["run_id"].startswith("000002-") and told["exit_status"] == 1
    assert told["alarms"] == [
        {"code": FAILED, "about": "", "sentence": "The night failed: The disk is full.", "todo": "Make room."}
    ]


def test_what_goes_wrong_while_a_failure_is_told_does_not_hide_it(place, monkeypatch) -> None:
    def broken(*_: object, **_options: object) -> None:
        raise RuntimeError("a secret of the vendor's")

    monkeypatch.setattr(nightly.review, "export", broken)
    place.night_json.mkdir(parents=True)  # what cannot be replaced by a file
    with opened(place.root) as session, capture_logs() as logs, pytest.raises(RuntimeError, match="secret"):
        night_end.run(session)
    told = [log for log in logs if log["event"] == "not_told"]
    assert [log["via"] for log in told] == ["night.json"] and "secret" not in json.dumps(told)


def test_metrics_that_cannot_be_written_do_not_fail_the_night(place, tmp_path) -> None:
    (tmp_path / "metrics").write_text("a file where a folder should be")
    with opened(place.root) as session, capture_logs() as logs:
        assert night_end.run(session).status == "done"
    assert [log["via"] for log in logs if log["event"] == "not_told"] == ["feedshelf.prom"]


def test_a_night_killed_between_publishing_and_its_page_is_finished_by_a_newer_program(place) -> None:
    with opened(place.root) as session:
        run_id, _ = nightly.begin(session, [])
        for name in nightly.STAGES[: nightly.STAGES.index("report")]:
            nightly.step(session, name, run_id, [])
        today = published_version(place.published_db)
        place.published_db.chmod(0o644)
        with duckdb.connect(str(place.published_db)) as older:
            older.execute("CREATE OR REPLACE MACRO schema_version() AS '0.9'")
        assert night_end.run(session).status == "done"
    assert published_version(place.published_db) == today
    assert (place.reports / f"{run_id}.html").exists()


def test_a_file_that_another_version_published_is_published_anew(place) -> None:
    with opened(place.root) as session:
        night_end.run(session)
        session.store.execute("CREATE OR REPLACE MACRO schema_version() AS '0.9'")
        assert published_version(place.published_db) != "0.9"
        with pytest.raises(CatalogError, match="another version"):
            report.run(session.job("000002"))
        again = nightly.begin(session, [])
    assert again[0] is not None
    assert published_version(Path("/no/such/file")) is None and published_version(place.settings_file) is None
