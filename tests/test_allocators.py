"""The environment has the say over memory; where it says nothing, polars is told to keep its pages, and listens."""

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
