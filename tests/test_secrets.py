"""Keys that vendors put into addresses stay in the work folder, and the work folder is its owner's.

Review sheets are left out: they hold addresses as they came, for a reviewer follows them.
"""

import stat
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from catalog.settings import Workspace
from pipelines import cli, workspace
from tests.hostile_pictures import JPEG
from tests.picture_server import Site, content, served

SECRET = "s3cr3t0fTheBucket"
HEADER = "item_id,title,price,image"


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Workspace, str]]:
    """A workspace after a night that fetched signed pictures, in vain too; and all that the night printed."""
    with served() as site:
        site.answers["/a.jpg"] = content(JPEG)
        place = workspace.init(tmp_path_factory.mktemp("secrets") / "ws")
        place.settings_file.write_text(
            f'[feeds]\nsettle_seconds = 0\n[images]\nfetch = true\nports = [{site.port}]\nallow_hosts = ["127.0.0.1"]\n'
        )
        (place.root / "tree.csv").write_text("id,parent_id,name\n1,,Home\n2,1,Mugs\n3,1,Plates\n")
        (place.feeds / "acme").mkdir()
        (place.feeds / "acme" / "items.csv").write_text("\n".join([HEADER, *feed(site)]) + "\n")
        said = catalog("taxonomy", "import", place.root / "tree.csv", "-w", place.root)
        said += catalog("--log-format", "json", "nightly", "-w", place.root)
        for words in (
            ("status",),
            ("feeds", "list"),
            ("doctor", "--verify"),
            ("runs", "list"),
            ("vendor", "report", "acme"),
        ):
            said += catalog(*words, "-w", place.root)
        assert len(site.hits) >= 2
        yield place, said


def feed(site: Site) -> list[str]:
    signed = f"?X-Amz-Signature={SECRET}&token={SECRET}#{SECRET}"
    return [
        f"1,Mug,5,{site.url('/a.jpg')}{signed}",
        f"2,Plate,5,{site.url('/gone.jpg')}{signed}",
        f"3,Bowl,5,http://anna:{SECRET}@127.0.0.1:{site.port}/a.jpg",
        f"4,,5,https://cdn.test/a.jpg{signed}",  # a row that is turned away is kept as it came
    ]


def catalog(*words: object) -> str:
    done = CliRunner().invoke(cli.app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


def test_a_signed_address_is_in_nothing_that_leaves_the_work_folder(night: tuple[Workspace, str]) -> None:
    place, said = night
    assert "stage_finished" in said
    assert SECRET not in said
    leaving = [path for folder in (place.published, place.reports) for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in leaving} >= {".duckdb", ".html", ".csv", ".json"}
    assert [path.name for path in leaving if SECRET.encode() in path.read_bytes()] == []


def test_who_may_read_what_is_written(night: tuple[Workspace, str]) -> None:
    place, _ = night
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (place.state, place.work_db, place.published_db)]
    assert modes == [0o700, 0o600, 0o444], "copies of feeds, addresses with keys, notes of reviewers; what all may read"
