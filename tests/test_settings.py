"""catalog.toml becomes one frozen object, or an error that names the key."""

from pathlib import Path

import pytest

from catalog.errors import CatalogError
from catalog.settings import Settings, Workspace


def workspace(folder: Path, text: str) -> Workspace:
    (folder / "catalog.toml").write_text(text)
    return Workspace(folder)


def test_defaults_promise_98_percent(tmp_path: Path) -> None:
    settings = workspace(tmp_path, "").settings()
    assert (settings.routing.target, settings.routing.delta) == (0.98, 0.05)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[routing]\ntargett = 0.9\n", "routing.targett"),
        ("[routing]\ntarget = 98\n", "routing.target"),
        ("surprise = 1\n", "surprise"),
        ("[routing\n", "line 1"),
        ('[database]\nmemory_limit = "1GB\'; DROP TABLE items; --"\n', "database.memory_limit"),
        ("[database]\nthreads = 100000000\n", "database.threads"),
        ("[feeds]\nbatch_rows = 99999999999999999999\n", "feeds.batch_rows"),
        ('[feeds]\nmanifest_patience = "99999999999999999h"\n', "feeds.manifest_patience"),
        ("[images]\ntimeout_seconds = inf\n", "images.timeout_seconds"),
        ("[images]\nports = [-1]\n", "images.ports"),
        ("[retention]\ncopies_days = 99999999999\n", "retention.copies_days"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        workspace(tmp_path, text).settings()


def test_settings_in_another_encoding_name_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "catalog.toml").write_bytes("# ціль\n".encode("utf-16"))
    with pytest.raises(CatalogError, match="UTF-8"):
        Workspace(tmp_path).settings()


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="not a workspace"):
        Workspace(tmp_path).require()


def test_only_routing_settings_make_a_new_policy() -> None:
    base = Settings()
    assert Settings.model_validate({"routing": {"target": 0.95}}).routing_hash != base.routing_hash
    assert Settings.model_validate({"serving": {"threads": 1}}).routing_hash == base.routing_hash
