"""Hostile deliveries made by code, through whole nights: each ends as rows with a reason and touches nothing else."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crashing import Children, children
from tests.hostile_pictures import JPEG
from tests.picture_server import Site, content, served
from tests.test_changes import OLD, Shop, command, write
from tests.test_fetch import Shop as Asking

# Texts that mean something to a shell, a spreadsheet, SQL, a template, a terminal, a browser or a file system.
TEXTS = [
    "'; DROP TABLE items; --",
    "\"; ATTACH '/tmp/x.db'; --",
    "../../../../etc/passwd",
    "/etc/passwd",
    "vendor=x/items.parquet",
    "*[ab]?{c,d}",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "$(touch /tmp/feedshelf-owned)`id`",
    "{{7*7}}${7*7}<%= 7*7 %>{% raw %}",
    "%s%n%x",
    "<script>alert(1)</script>",
    "[bold]red[/bold] [link=file:///etc/passwd]",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egpj.exe\u2066",
    "\ufeffzero\u200bwidth\u2060",
    "a\x00b",
    "CON",
    "NaN",
    "null",
    "None",
    "1e309",
    "0x10",
    "\U0001f4a9" * 40,
    "A" * 9_000,
    "e\u0301" * 50,
]
ODD = {"blocked_address", "host_not_found", "bad_url"}  # spellings that one resolver knows and another does not
# (what is asked for, where {port} listens on this machine; what it may end as). None may reach that server.
ADDRESSES = [
    ("http://127.0.0.1:{port}/a.jpg", {"blocked_address"}),
    ("http://127.1:{port}/a.jpg", {"blocked_address"}),
    ("http://2130706433:{port}/a.jpg", {"blocked_address"}),
    ("http://0x7f000001:{port}/a.jpg", {"blocked_address"}),
    ("http://0177.0.0.1:{port}/a.jpg", ODD),
    ("http://0:{port}/a.jpg", {"blocked_address"}),
    ("http://[::1]:{port}/a.jpg", ODD),
    ("http://[::ffff:127.0.0.1]:{port}/a.jpg", {"blocked_address"}),
    ("http://[0:0:0:0:0:ffff:7f00:1]:{port}/a.jpg", {"blocked_address"}),
    ("http://localhost:{port}/a.jpg", {"blocked_address"}),
    ("http://LOCALHOST.:{port}/a.jpg", ODD),
    ("http://127.0.0.1.:{port}/a.jpg", ODD),
    ("http://①②⑦.⓪.⓪.①:{port}/a.jpg", ODD),
    ("http://127。0。0。1:{port}/a.jpg", ODD),
    ("http://anna:pw@127.0.0.1:{port}/a.jpg", {"credentials_in_url"}),
    ("http://8.8.8.8@127.0.0.1:{port}/a.jpg", {"credentials_in_url"}),
    ("http://127.0.0.1:{port}#@8.8.8.8/a.jpg", {"blocked_address"}),
    ("http://127.0.0.1:{port}?@8.8.8.8/a.jpg", {"blocked_address"}),
    ("http:\\\\127.0.0.1:{port}\\a.jpg", {"bad_url", "blocked_address", "scheme", "bad_path", "no_file"}),
    ("http://169.254.169.254/latest/meta-data/", {"blocked_address"}),
    ("http://[fd00:ec2::254]/latest/", ODD),
    ("http://100.100.100.200/latest/", {"blocked_address"}),
    ("//localhost:{port}/a.jpg", {"blocked_address", "port"}),
    ("http://localhost:22/", {"port"}),
    ("http://localhost:99999/", {"bad_url", "port"}),
    ("file:///etc/passwd", {"scheme"}),
    ("gopher://127.0.0.1:{port}/_GET", {"scheme"}),
    ("dict://127.0.0.1:{port}/", {"scheme"}),
    ("ftp://127.0.0.1/a.jpg", {"scheme"}),
    ("data:image/png;base64,AAAA", {"scheme"}),
    ("javascript:alert(1)", {"scheme"}),
    ("jar:http://127.0.0.1:{port}!/a.jpg", {"scheme"}),
    ("http://\r\nHost: 127.0.0.1/a.jpg", {"bad_url", "host_not_found"}),
    ("http://", {"bad_url"}),
    ("http:///a.jpg", {"bad_url"}),
    ("http://[::bad/a.jpg", {"bad_url"}),
]


def test_hostile_names_and_texts_end_as_rows_and_touch_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.taxonomy(OLD)
    (shop.place.vendors / "acme.toml").write_text(
        'format = "csv"\n[columns]\nitem_id = "\\"; DROP TABLE items; --"\ntitle = "read_csv(\'/etc/passwd\')"\n'
    )
    outside = {path for path in tmp_path.rglob("*") if shop.place.root not in path.parents}
    rows = [(f"{n} {text}"[:200], text) for n, text in enumerate(TEXTS)] + [(text, "a lamp") for text in TEXTS]
    header = ['"; DROP TABLE items; --', "read_csv('/etc/passwd')", "'; COPY items TO '/tmp/x'; --"]
    write(shop.place.feeds / "acme" / "*; rm -rf [ab]=x.csv", header, [(*row, "x") for row in rows])
    code, said = command("nightly", "-w", shop.place.root)
    assert code == 0, said
    assert "\x1b" not in said
    code, said = command("doctor", "--verify", "-w", shop.place.root)
    assert "BROKEN" not in said, said
    code, said = command("sql", "SELECT sum(rows_in) AS n FROM run_summary", "--format", "csv", "-w", shop.place.root)
    assert str(len(rows)) in said, said
    for page in shop.place.reports.glob("*.html"):
        assert "<script>alert(1)" not in page.read_text()
    for sheet in shop.place.outbox.glob("*.csv"):
        cells = sheet.read_text(encoding="utf-8-sig").replace('"', "").split(",")
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "@") or cell.startswith("-2")]
    assert {path for path in tmp_path.rglob("*") if shop.place.root not in path.parents} == outside
    assert not Path("/tmp/feedshelf-owned").exists() and not Path("/tmp/x.db").exists()


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as made:
        made.answers["/a.jpg"] = content(JPEG)
        yield made


def test_a_night_of_hostile_urls_reaches_no_server(tmp_path: Path, site: Site) -> None:
    made = Asking(tmp_path, site)
    made.limit()
    made.settings = made.settings.model_copy(
        update={"images": made.settings.images.model_copy(update={"allow_hosts": (), "ports": (80, 443, site.port)})}
    )
    asked = [address.format(port=site.port) for address, _ in ADDRESSES]
    rows = [f'{n},Lamp {n},5,"{address}"' for n, address in enumerate(asked)]
    made.deliver(*rows)
    made.night()
    found = {int(item): (status, flags) for item, (status, _, flags) in made.items().items()}
    made.store.close()
    assert site.hits == []
    assert set(found) == set(range(len(ADDRESSES)))
    wrong = [
        (address, *found[n])
        for n, (address, allowed) in enumerate(ADDRESSES)
        if found[n][0] not in ("fetch_failed", "refused", "missing")
        or not {flag.removeprefix("image_") for flag in found[n][1]} & allowed
    ]
    assert wrong == []


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    with children(tmp_path_factory.mktemp("children")) as found:
        yield found


READ = """
import resource, sys
from pathlib import Path
from catalog.errors import FeedRefused
from catalog.reading.feeds import read_rows
from catalog.reading.mapping import Mapping
from catalog.settings import Feeds
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
mapping = Mapping.model_validate({{"format": {form!r}, "columns": {{"item_id": "id", "title": "name"}}}})
try:
    for _ in read_rows(Path({path!r}), mapping, Feeds()): pass
    print("taken")
except FeedRefused as refused:
    print(refused.reason)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def bomb(kind: str) -> bytes:
    """1 GB of one letter or of one row, in a few megabytes or less."""
    unit = b"id,name\n1," + b"x" * (1 << 24) if kind == "cell" else b"1,x\n" * (1 << 22)
    packed = gzip.compress(unit, 1)
    return (gzip.compress(b"id,name\n") if kind == "rows" else b"") + packed * ((1 << 30) // len(unit))


@pytest.mark.parametrize("kind", ["cell", "rows"])
def test_a_bomb_is_refused_in_bounded_memory(tmp_path: Path, process: Children, kind: str) -> None:
    path = tmp_path / "items.csv.gz"
    path.write_bytes(bomb(kind))
    assert path.stat().st_size < 100 << 20
    assert process.run(code=READ.format(form="csv", path=str(path))) == 0, process.said
    reason, grown = process.said.split()
    assert int(grown) < 400, f"{grown} MB"
    assert reason == "gzip_bomb"
