"""No private address is ever connected to, however it is spelled, resolved or reached; what is allowed by name is."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpcore
import pytest

from catalog.pictures.address_guard import Blocked, GuardedBackend, Unresolved, is_public
from catalog.pictures.fetching import Fetcher
from catalog.pictures.wanted import Fetched, Wanted
from catalog.settings import Images
from tests.hostile_pictures import JPEG
from tests.picture_server import Site, content, served, status

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
NOT_PUBLIC = [
    "127.0.0.1",
    "127.255.0.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",  # shared by carriers
    "192.0.2.1",
    "198.18.0.1",
    "224.0.1.1",  # multicast that routers do pass on
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::1",
    "2001::1",
    "2001:db8::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
]


OPENSSL = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_nobody_may_ask_for(address: str) -> None:
    assert not is_public(address)


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as made:
        made.answers["/a.jpg"] = content(JPEG)
        yield made


def limits(site: Site, **others: object) -> Images:
    return Images.model_validate(
        {"fetch": True, "ports": [80, 443, site.port], "retries": 0, "timeout_seconds": 20} | others
    )


def fetched(url: str, images: Images, backend: GuardedBackend | None = None) -> Fetched:
    with Fetcher(images, lambda data: f"{len(data)}", backend) as fetcher:
        return fetcher.fetch([Wanted(url)])[0]


# What leads to 127.0.0.1, in the spellings of attackers. None of them may reach the server that listens there.
LOOPBACK = ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "0x7f.1", "017700000001", "127.1", "0", "[::1]"]
LOOPBACK += ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127.0.0.1.", "LOCALHOST"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_a_server_on_this_machine_sees_nothing(site: Site, host: str) -> None:
    found = fetched(site.url("/a.jpg", host), limits(site))
    assert found.status == "failed"
    assert found.reason in ("blocked_address", "host_not_found", "bad_url")
    assert site.hits == []


def test_the_plain_spellings_are_blocked_and_not_merely_unknown(site: Site) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
        assert fetched(site.url("/a.jpg", host), limits(site)).reason == "blocked_address"


def test_a_host_that_is_allowed_by_name_is_asked(site: Site) -> None:
    found = fetched(site.url("/a.jpg"), limits(site, allow_hosts=["127.0.0.1"]))
    assert (found.status, found.bytes) == ("ok", len(JPEG))
    assert fetched(site.url("/a.jpg", "localhost"), limits(site, allow_hosts=["LocalHost"])).status == "ok"
    assert fetched(site.url("/a.jpg", "localhost"), limits(site, allow_hosts=["127.0.0.1"])).reason == "blocked_address"
    assert len(site.hits) == 2


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://localhost:{port}/a.jpg", "blocked_address"),
        ("//localhost:{port}/a.jpg", "blocked_address"),
        ("http://169.254.169.254/latest/meta-data/", "blocked_address"),
        ("http://[::1]:{port}/a.jpg", "blocked_address"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://127.0.0.1:{port}/", "scheme"),
        ("http://127.0.0.1:22/", "port"),
        ("http://user:secret@127.0.0.1:{port}/a.jpg", "credentials_in_url"),
        ("http://[::bad/", "bad_url"),
    ],
)
def test_every_hop_of_a_redirect_is_checked(site: Site, target: str, reason: str) -> None:
    site.answers["/hop"] = status(302, Location=target.format(port=site.port))
    found = fetched(site.url("/hop"), limits(site, allow_hosts=["127.0.0.1"]))
    assert (found.status, found.reason) == ("failed", reason)
    assert site.paths() == ["/hop"]


class Cut(httpcore.AsyncNetworkBackend):
    """A network whose cable is pulled: it notes where it was asked to connect."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    async def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        self.asked.append((host, port))
        raise httpcore.ConnectError


def test_a_name_that_answers_differently_the_second_time_is_connected_to_as_it_was_checked() -> None:
    """Rebinding: public while it is checked, this machine when it is asked again. It is not asked again."""
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])

    async def resolver(_host: str, _port: int) -> list[str]:
        return next(answers)

    network = Cut()
    backend = GuardedBackend(resolver=resolver, network=network)
    images = Images(fetch=True, retries=0)
    assert fetched("http://rebinding.test/a.jpg", images, backend).reason == "no_connection"
    assert network.asked == [("8.8.8.8", 80)]
    # the second connection is a check of its own, and finds the address it must not go to
    assert fetched("http://rebinding.test/a.jpg", images, backend).reason == "blocked_address"
    assert network.asked == [("8.8.8.8", 80)]


def test_the_checked_address_is_the_one_connected_to(site: Site) -> None:
    asked: list[str] = []

    async def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    # no resolver of the system knows this name: the connection can only have gone to the address given
    found = fetched(site.url("/a.jpg", "pim.invalid"), limits(site), GuardedBackend(["pim.invalid"], resolver))
    assert found.status == "ok"
    assert asked == ["pim.invalid"]
    assert site.hits[0][1]["host"] == f"pim.invalid:{site.port}"


@pytest.mark.parametrize("addresses", [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["2606:4700::1111", "::1"]])
def test_one_private_address_among_public_ones_blocks_the_host(addresses: list[str]) -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        return addresses

    with pytest.raises(Blocked):
        asyncio.run(GuardedBackend(resolver=resolver).connect_tcp("mixed.test", 80, 1.0))


def test_a_host_without_an_address_and_a_socket_of_this_machine() -> None:
    async def nowhere(_host: str, _port: int) -> list[str]:
        return []

    with pytest.raises(Unresolved):
        asyncio.run(GuardedBackend(resolver=nowhere).connect_tcp("x.test", 80, 1.0))
    with pytest.raises(Blocked):
        asyncio.run(GuardedBackend(["x"]).connect_unix_socket("/run/docker.sock"))


def test_the_next_address_is_tried_where_one_does_not_answer(site: Site) -> None:
    with socket.socket() as taken:  # bound and not listening: refuses at once
        taken.bind(("127.0.0.2", site.port))

        async def resolver(_host: str, _port: int) -> list[str]:
            return ["127.0.0.2", "127.0.0.1"]

        found = fetched(site.url("/a.jpg", "two.invalid"), limits(site), GuardedBackend(["two.invalid"], resolver))
    assert found.status == "ok"


def test_the_environment_has_no_say(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with served() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url(""))
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert fetched(site.url("/a.jpg"), limits(site, allow_hosts=["127.0.0.1"])).status == "ok"
        assert fetched(site.url("/a.jpg"), limits(site)).reason == "blocked_address"
        assert proxy.hits == []
    assert site.paths() == ["/a.jpg"]


def test_a_certificate_must_be_the_hosts(tmp_path: Path) -> None:
    """A server with a certificate of its own making is not believed, whatever it would answer."""
    made = subprocess.run(
        [*OPENSSL, "-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        pytest.skip("openssl makes no certificate here")
    with served(certificate=tmp_path) as site:
        site.answers["/a.jpg"] = content(JPEG)
        found = fetched(site.url("/a.jpg").replace("http:", "https:"), limits(site, allow_hosts=["127.0.0.1"]))
        assert (found.status, found.reason) == ("failed", "tls")
        assert site.hits == []
