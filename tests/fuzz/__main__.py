"""Coverage-guided fuzzing of what reads files from outside; takes the extra `fuzz`.

python -m tests.fuzz READER [--seconds 600] [--corpus FOLDER]

Prints a line of JSON: executions, branches covered and inputs kept on account of them (of our own code: libraries in C and
Rust are run, and not guided through), and the finds, each with its place in our code and the input as base64. A find is an
exception that is no refusal, a row lost, a file outside the workspace, a connection, or an input that takes long (child.SECONDS of CPU).
Exit status 1 when there are finds.
"""

import argparse
import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
HANGS = 120  # seconds for one input, by the clock: a deadlock takes no CPU
_DONE = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_STATE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")


def main() -> int:
    """Runs the engine in a child, which it ends in its own way, and reports."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("reader")
    asked.add_argument("--seconds", type=int, default=600)
    asked.add_argument(
        "--corpus", type=Path, help="Where inputs that reached something new are kept for the next time."
    )
    said = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        outer = Path(scratch)
        corpus, finds = said.corpus or outer / "corpus", outer / "finds"
        for folder in (corpus, finds):
            folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.child", said.reader, str(corpus), str(finds), str(said.seconds)]
        begun = time.monotonic()
        with (outer / "said").open("w") as output:
            hung = _run(command, finds / "now", output)
        text = (outer / "said").read_text(errors="replace")
        report = {"reader": said.reader, "seconds": round(time.monotonic() - begun), **counted(text)}
        report["finds"] = [json.loads(path.read_text()) for path in sorted(finds.glob("*.json"))]
        report["finds"] += [
            {"error": path.name.partition("-")[0], "where": "the engine", "input": _base64(path)}
            for path in sorted(finds.glob("*-*"))
            if path.suffix != ".json"
        ]
        report["finds"] += [find | {"where": text[-2000:]} for find in hung]
        if "executions" not in report and not hung:
            report["finds"].append({"error": "the engine ended", "where": text[-2000:], "input": ""})
    sys.stdout.write(json.dumps(report) + "\n")
    return 1 if report["finds"] else 0


def _run(command: list[str], now: Path, output: IO[str]) -> list[dict[str, str]]:
    """Waits for the engine; ends it, and says at which input, when one takes too long by the clock."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=output, stdout=output) as child:
        while child.poll() is None:
            time.sleep(0.5)
            if now.exists() and time.time() - now.stat().st_mtime > HANGS:
                child.send_signal(signal.SIGUSR2)
                time.sleep(2)
                child.kill()
                content = now.read_bytes()
                stuck = content[4 : 4 + int.from_bytes(content[:4], "big")]
                return [{"error": "hangs", "where": "", "input": base64.b64encode(stuck).decode()}]
    return []


def counted(text: str) -> dict[str, int]:
    """What the engine printed last."""
    done, state = _DONE.search(text), _STATE.findall(text)
    found = {"executions": int(done[1])} if done else {}
    return found | dict(zip(("covered", "features", "kept"), map(int, state[-1]), strict=True)) if state else found


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


if __name__ == "__main__":
    sys.exit(main())
