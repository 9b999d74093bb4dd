"""Signed bundles: which keys count, what is refused and what is said then, wherever a bundle is opened, promoted or restored."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from catalog.errors import BundleRefused, CatalogError
from catalog.inference import bundle, signatures
from catalog.inference.signatures import SIGNATURES, Trust
from catalog.settings import Workspace
from pipelines import promote, retrain, workspace
from pipelines.session import opened
from tests.test_changes import command

ROOT = Path(__file__).parents[1]


def private(file: Path, key: object | None = None) -> Path:
    """A new private key, as openssl writes one."""
    made = key or ed25519.Ed25519PrivateKey.generate()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(
        made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    file.chmod(0o600)
    return file


def public(key: Path, file: Path) -> Path:
    """The public half of a private key, put into a keyring."""
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(
        loaded.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose ledger knows one bundle of files without a network, and a pair of keys beside it."""
    root = tmp_path_factory.mktemp("signed")
    place = workspace.init(root / "ws")
    folder = root / "bundle"
    folder.mkdir()
    (folder / "labels.json").write_text(json.dumps({"classes": ["1"], "ancestors": {"1": ["1"]}, "towers": {}}))
    model_id = bundle.finalize(folder, place.models, {}, "A card.")
    with opened(place.root) as session:
        session.store.append_row("models", model_id=model_id, facts="{}")
    public(private(root / "anna.key"), root / "anna.pem")
    return root


@pytest.fixture
def here(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "here"))


def only(root: Path) -> Path:
    """The bundle of a workspace."""
    [found] = [path for path in (root / "ws" / "models").iterdir() if path.is_dir()]
    return found


def demand(root: Path, *, keys: bool = True) -> Workspace:
    """Settings that ask for signatures, and anna's key in the keyring."""
    place = Workspace(root / "ws")
    place.settings_file.write_text("[models]\nrequire_signature = true\n")
    if keys:
        (place.root / "keys").mkdir()
        shutil.copy(root / "anna.pem", place.root / "keys" / "anna.pem")
    return place


def trusted(place: Workspace) -> Trust:
    return signatures.trust(place, place.settings())


def opens(place: Workspace, model: Path) -> bool:
    return bundle.open_bundle(model, trust=trusted(place)).model_id == model.name


def test_a_signed_bundle_opens_and_is_promoted(here: Path) -> None:
    place, model = demand(here), only(here)
    code, said = command("models", "sign", model.name, "--key", here / "anna.key", "-w", place.root)
    assert code == 0 and "is signed with" in said and "does not count" not in said
    assert opens(place, model)
    with opened(place.root) as session, session.single("promote") as job:
        promote.run(job, model.name, reason="signed")
    assert place.current_model.read_text().strip() == model.name


def test_without_keys_and_demands_nothing_is_asked_and_cryptography_is_not_needed(here: Path) -> None:
    model = only(here)
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pathlib import Path; from catalog.inference import bundle, signatures; from catalog.settings import Workspace\n"
        f"place = Workspace(Path({str(here / 'ws')!r}))\n"
        f"bundle.open_bundle(Path({str(model)!r}), trust=signatures.trust(place, place.settings()))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    demand(here)
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=ROOT, capture_output=True, text=True)
    assert "pip install 'feedshelf[sign]'" in done.stderr


def test_an_unsigned_bundle_is_refused_where_signatures_are_asked_for(here: Path) -> None:
    place, model = demand(here), only(here)
    with pytest.raises(BundleRefused, match="not signed") as refused:
        opens(place, model)
    assert f"catalog models sign {model.name} --key FILE" in refused.value.remedy and refused.value.exit_code == 1
    with (
        opened(place.root) as session,
        pytest.raises(BundleRefused, match="not signed"),
        session.single("promote") as job,
    ):
        promote.run(job, model.name, reason="unsigned")
    place.settings_file.write_text("")
    assert opens(place, model), "a keyring alone asks nothing of a bundle that nobody signed"


def test_an_unknown_key_a_removed_key_and_a_rotated_one(here: Path) -> None:
    place, model = demand(here), only(here)
    bob = private(here / "bob.key")
    _, said = command("models", "sign", model.name, "--key", bob, "-w", place.root)
    assert "does not count here yet" in said
    with pytest.raises(BundleRefused, match="no such key is in"):
        opens(place, model)
    place.settings_file.write_text("")
    with pytest.raises(BundleRefused, match="no such key is in"):
        opens(place, model)
    public(bob, place.root / "keys" / "bob.pem")
    assert opens(place, model), "several keys count"
    promote.sign(place, model.name, here / "anna.key")
    (place.root / "keys" / "bob.pem").unlink()
    assert opens(place, model), "signed by both, either will do"
    (place.root / "keys" / "anna.pem").unlink()
    public(private(here / "cleo.key"), place.root / "keys" / "cleo.pem")
    with pytest.raises(BundleRefused, match="no such key is in"):
        opens(place, model)


def test_a_signature_of_something_else_is_refused(here: Path) -> None:
    place, model = demand(here), only(here)
    manifest = model / bundle.MANIFEST
    promote.sign(place, model.name, here / "anna.key")
    content = manifest.read_bytes()
    manifest.write_bytes(content.replace(b'"facts": {}', b'"facts": {"altered": 1}'))
    with pytest.raises(BundleRefused, match="not one of this manifest"):
        opens(place, model)
    manifest.write_bytes(content)
    (model / "MODEL_CARD.md").write_text("another")
    with pytest.raises(BundleRefused, match=r"MODEL_CARD\.md is not the file"):
        opens(place, model)
    with pytest.raises(BundleRefused, match=r"MODEL_CARD\.md is not the file"):
        promote.sign(place, model.name, here / "anna.key")


@pytest.mark.parametrize(
    "said", [b"", b"{}", b"[1]", b'[{"key": "a"}]', b'[{"key": "a", "signature": "?"}]', b"[" * 60_000, b" " * 70_000]
)
def test_a_file_of_signatures_that_is_none_is_refused(here: Path, said: bytes) -> None:
    place, model = demand(here), only(here)
    (model / SIGNATURES).write_bytes(said)
    with pytest.raises(BundleRefused, match=r"cannot be read|not signed"):
        opens(place, model)


def test_a_key_that_others_may_read_or_that_is_none_signs_nothing(here: Path) -> None:
    place, model = demand(here), only(here)
    (here / "anna.key").chmod(0o640)
    code, said = command("models", "sign", model.name, "--key", here / "anna.key", "-w", place.root)
    assert code == 1 and "chmod 600" in said
    private(here / "curve.key", ec.generate_private_key(ec.SECP256R1()))
    for wrong in (here / "curve.key", here / "nowhere.key", here / "anna.pem"):
        if wrong.exists():
            wrong.chmod(0o600)
        with pytest.raises(CatalogError, match="private ed25519 key"):
            promote.sign(place, model.name, wrong)
    assert not (model / SIGNATURES).exists()


def test_a_keyring_without_keys_or_with_a_wrong_one_is_said(here: Path) -> None:
    place = demand(here, keys=False)
    with pytest.raises(CatalogError, match="holds no public key"):
        trusted(place)
    (place.root / "keys").mkdir()
    shutil.copy(here / "anna.key", place.root / "keys" / "anna.pem")
    with pytest.raises(CatalogError, match="public ed25519 key"):
        trusted(place)


def test_a_night_promotes_nothing_that_a_person_must_sign(here: Path) -> None:
    place, model = demand(here), only(here)
    with opened(place.root) as session, session.single("retrain") as job:
        outcome, why = retrain._weighed(job, model.name, retrain._begun(job))
    assert outcome == "refused" and f"catalog models sign {model.name}" in why
    assert not place.current_model.exists()


def test_a_backup_is_restored_only_where_its_model_is_signed(here: Path) -> None:
    place, model = demand(here), only(here)
    promote.sign(place, model.name, here / "anna.key")
    place.current_model.write_text(f"{model.name}\n")
    assert command("backup", here / "backups", "-w", place.root)[0] == 0
    [folder] = (here / "backups").iterdir()
    assert command("restore", folder, "-w", here / "again")[0] == 0
    (model / SIGNATURES).unlink()
    shutil.rmtree(place.root / "keys")  # a backup that asks for nothing, in the place of a workspace that does
    place.settings_file.write_text("")
    shutil.rmtree(folder)
    assert command("backup", here / "backups", "-w", place.root)[0] == 0
    [folder] = (here / "backups").iterdir()
    code, said = command("restore", folder, "-w", here / "again", "--over")
    assert code == 1 and "not signed" in said
    assert command("restore", folder, "-w", here / "third")[0] == 0


def test_every_bundle_that_serves_is_opened_with_its_signature_asked_for() -> None:
    opening = [
        (path.name, ast.unparse(call))
        for folder in ("catalog", "pipelines")
        for path in (ROOT / folder).rglob("*.py")
        if "Classifier.open(" in (text := path.read_text(encoding="utf-8")) or "open_bundle(" in text
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ("Classifier.open", "open_bundle", "bundle.open_bundle")
    ]
    assert len(opening) > 9
    unfinished = [said for said in opening if "verify=False" in said[1]]
    assert {name for name, _ in unfinished} == {"train.py", "trial.py"}, "a model of this very command"
    assert [said for said in opening if "trust=" not in said[1] and said not in unfinished] == []
