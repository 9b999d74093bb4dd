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
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        workspace(tmp_path, text).settings()


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="not a workspace"):
        Workspace(tmp_path).require()


def test_only_routing_settings_make_a_new_policy() -> None:
    base = Settings()
    assert Settings.model_validate({"routing": {"target": 0.95}}).routing_hash != base.routing_hash
    assert Settings.model_validate({"serving": {"threads": 1}}).routing_hash == base.routing_hash
