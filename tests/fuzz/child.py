"""The engine at one reader: python -m tests.fuzz.child READER CORPUS FINDS SECONDS. Goes on after a find, one of each place."""

import base64
import faulthandler
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from functools import partial
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["catalog"]):
    from tests.fuzz.readers import READERS, Harness
from tests.fuzz.mutations import json_values

ROOT = Path(__file__).parents[2]
SECONDS = 10  # of CPU for one input; the largest has 4 KB
MOST_BYTES = 4096
_WALL = 900  # after which the engine itself ends an input that hangs, on however busy a machine
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Forbidden(BaseException):
    """What no reader may do; not to be taken for an ordinary refusal."""


class Watch:
    """Runs inputs in a workspace inside an otherwise empty folder, and keeps the first find of each place."""

    def __init__(self, harness: Harness, finds: Path) -> None:
        self._harness, self._finds = harness, finds
        self._outer = Path(tempfile.mkdtemp())
        self.workspace = self._outer / "ws"
        self.workspace.mkdir()
        self._at_work = False
        self._now = os.open(finds / "now", os.O_CREAT | os.O_WRONLY)  # the input under way, for whoever ends a hang
        os.chdir(self._outer)
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple) -> None:
        if not self._at_work:
            return
        if event in ("socket.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            raise Forbidden(event)
        if event == "open" and isinstance(args[0], str) and isinstance(args[2], int) and args[2] & _WRITES:
            path = Path(args[0]).resolve()
            temporary = path.parent == Path(tempfile.gettempdir())  # nameless files of the standard library
            if self.workspace not in (path, *path.parents) and not temporary and path != Path(os.devnull):
                raise Forbidden(f"writes {path}")

    def __call__(self, data: bytes) -> None:
        os.pwrite(self._now, len(data).to_bytes(4, "big") + data, 0)
        begun = time.process_time()
        self._at_work = True
        try:
            self._harness.take(data, self.workspace)
        except BaseException as error:  # whatever it is, it is a find
            self._at_work = False
            self._keep(f"{type(error).__name__}: {error}"[:300], _place(error), data)
        finally:
            self._at_work = False
        if time.process_time() - begun > SECONDS:
            self._keep(f"takes more than {SECONDS} s", self._harness.take.__name__, data)
        strangers = sorted(set(os.listdir(self._outer)) - {"ws"})  # noqa: PTH208 - names are all that is asked
        if strangers:
            self._keep(f"leaves {strangers}", self._harness.take.__name__, data)
            for name in strangers:
                (self._outer / name).unlink(missing_ok=True)
        for path in self.workspace.iterdir():
            path.unlink()

    def _keep(self, error: str, where: str, data: bytes) -> None:
        name = hashlib.sha256(f"{error.partition(':')[0]} {where}".encode()).hexdigest()[:16]
        file = self._finds / f"{name}.json"
        if not file.exists():
            found = {"error": error, "where": where, "input": base64.b64encode(data).decode()}
            file.write_text(json.dumps(found))


def _place(error: BaseException) -> str:
    """Where in our own code it happened, else where at all."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(str(ROOT / "catalog"))] or frames
    return f"{ours[-1].filename.removeprefix(f'{ROOT}/')}:{ours[-1].lineno}"


def _mutated(choices: int, data: bytes, most: int, seed: int) -> bytes:
    return json_values(data, most, seed, atheris.Mutate, choices=choices)


def main() -> None:
    """Never returns: the engine ends the process."""
    reader, corpus, finds, seconds = sys.argv[1:]
    warnings.simplefilter("error")
    faulthandler.register(signal.SIGUSR2)  # whoever ends a hang sees first where it stands
    for seed in READERS[reader].seeds():
        (Path(corpus) / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
    watch = Watch(READERS[reader], Path(finds))
    options = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-timeout={_WALL}", "-rss_limit_mb=4096",
               "-print_final_stats=1", f"-artifact_prefix={finds}/", "-reload=0"]  # fmt: skip
    choices = READERS[reader].json_after
    custom = None if choices is None else partial(_mutated, choices)
    atheris.Setup([sys.argv[0], corpus, *options], watch, custom_mutator=custom)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
