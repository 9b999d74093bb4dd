"""A small web server on this machine that answers as a test says, and remembers who asked for what."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Handler = Callable[["Request"], None]


@dataclass
class Site:
    """What a path answers. `hits`: (path, headers in lower case) of every request."""

    answers: dict[str, Handler] = field(default_factory=dict)
    hits: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def paths(self) -> list[str]:
        return [path for path, _ in self.hits]


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        self.site.hits.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        self.site.answers.get(self.path.partition("?")[0], status(404))(self)

    def log_message(self, *_: object) -> None:
        pass


def status(code: int, **headers: str) -> Handler:
    """An answer without a body; `_` in a header's name stands for `-`."""

    def answer(request: Request) -> None:
        request.send_response(code)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


def content(body: bytes, **headers: str) -> Handler:
    def answer(request: Request) -> None:
        if headers.get("ETag") and request.headers.get("If-None-Match") == headers["ETag"]:
            status(304, **headers)(request)
            return
        request.send_response(200)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def in_turn(*answers: Handler) -> Handler:
    """Each answer once, the last one for ever."""
    left = list(answers)

    def answer(request: Request) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


def endless(request: Request) -> None:
    """A body without an end and without a length."""
    request.send_response(200)
    request.end_headers()
    try:
        while not request.site.stopping.is_set():
            request.wfile.write(b"x" * 65536)
    except OSError:
        request.close_connection = True


def dripping(request: Request) -> None:
    """A byte now and then: every read is in time, the whole never is."""
    request.send_response(200)
    request.send_header("Content-Length", "100000")
    request.end_headers()
    try:
        while not request.site.stopping.is_set():
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.02)
    except OSError:
        request.close_connection = True


def hanging_up(request: Request) -> None:
    """Fewer bytes than promised."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b"x" * 10)
    request.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no error of these tests."""


@contextmanager
def served(*, certificate: Path | None = None) -> Iterator[Site]:
    """A server on a free port. certificate: a folder with cert.pem and key.pem, for TLS."""
    site = Site()
    server = Server(("127.0.0.1", 0), type("Bound", (Request,), {"site": site}))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        site.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
