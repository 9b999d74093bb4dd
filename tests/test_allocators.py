"""The environment has the say over memory; where it says nothing, polars is told to keep its pages, and listens. Training
keeps the memory of its tensors from step to step."""

import os
import subprocess
import sys

import pytest

from catalog import allocators

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="polars brings this allocator on Linux")
CHILD = """
import os
from catalog import allocators
allocators.keep_pages()
os.environ[allocators.JEMALLOC] += ",confirm_conf:true"
import polars
"""


def test_what_the_environment_says_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(allocators.JEMALLOC, "narenas:7")
    monkeypatch.setenv(allocators.GLIBC, "7")
    allocators.keep_pages()
    assert (os.environ[allocators.JEMALLOC], os.environ[allocators.GLIBC]) == ("narenas:7", "7")


def test_polars_reads_what_is_set_before_it_is_loaded() -> None:
    unsaid = {name: value for name, value in os.environ.items() if name != allocators.JEMALLOC}
    found = subprocess.run([sys.executable, "-c", CHILD], env=unsaid, capture_output=True, text=True, check=True)
    assert "Set conf value: dirty_decay_ms:5000" in found.stderr
    assert "Invalid" not in found.stderr


STEPS = """
import resource
from contextlib import nullcontext
from catalog.allocators import tensors_kept

def cleared(around):
    with around:
        for step in range(6):
            if step == 1:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            block = b"x" * (100 << 20)
            del block
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(cleared(nullcontext()), cleared(tensors_kept()), cleared(nullcontext()))
"""


def test_a_step_of_training_finds_the_memory_of_the_one_before() -> None:
    found = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    before, while_training, afterwards = map(int, found.stdout.split())
    assert while_training < 1000 < before
    assert afterwards > 1000
