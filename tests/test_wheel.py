"""The wheel in an environment of nothing but what it declares: complete, torch-free, at home in any folder.

Built and installed once for all tests here. What it depends on is linked from where these tests run, which takes a second
instead of the half minute of an installation, and hides what is not declared just as well.
"""

import csv
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from test_architecture import DOORS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ("catalog", "pipelines", "schemas", "sql")
# Heavy, and of no use to `catalog --help`: imported there, every command would start slowly.
HEAVY = {
    "torch",
    "onnxruntime",
    "duckdb",
    "polars",
    "pyarrow",
    "numpy",
    "PIL",
    "dataframely",
    "ray",
    "fastapi",
    "uvicorn",
}
TRAINING = ("torch", "torchvision", "transformers", "open_clip", "timm", "onnx")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build folder left in the project would slip old files into it."""
    source = tmp_path_factory.mktemp("source")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", PROJECT["project"]["readme"]):
        shutil.copy(ROOT / name, source / name)
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "--wheel-dir", target, source], check=True, env=outside())
    (file,) = target.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment with nothing but the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("empty") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, env=outside())
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel]
    subprocess.run(install, check=True, env=outside())
    (packages,) = folder.glob("lib/python*/site-packages")
    for dependency in sorted(required(PROJECT["project"]["dependencies"])):
        link(dependency, packages)
    return folder / "bin"


def required(asked: list[str], extras: frozenset[str] = frozenset()) -> set[str]:
    """The distributions that requirements ask for on this machine, and those that these ask for in turn."""
    found: set[str] = set()
    waiting = [(Requirement(one), extras) for one in asked]
    met: set[tuple[str, str]] = set()
    while waiting:
        one, given = waiting.pop()
        if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in given or {""}):
            continue
        assert distribution(one.name).version in one.specifier, f"{one}, here is {distribution(one.name).version}"
        found.add(one.name)
        if (key := (one.name, ",".join(sorted(one.extras)))) not in met:
            met.add(key)
            waiting += [(Requirement(text), frozenset(one.extras)) for text in distribution(one.name).requires or []]
    return found


def link(name: str, packages: Path) -> None:
    """Makes a distribution that is installed here visible in another environment."""
    here = distribution(name)
    tops = {file.parts[0] for file in here.files or [] if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        target = Path(str(here.locate_file(top)))
        if not (packages / top).exists():
            (packages / top).symlink_to(target, target_is_directory=target.is_dir())


@pytest.fixture
def decoys(tmp_path: Path) -> Path:
    """A folder with packages of our own names that must never be imported."""
    for name in PACKAGES:
        (tmp_path / name / "views").mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('a decoy was imported')\n")
        (tmp_path / name / "views" / "current_category.sql").write_text("this is no SQL\n")
    return tmp_path


def outside() -> dict[str, str]:
    """This process's environment without what would let another Python see this project or its packages."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "FEEDSHELF", "PYTEST"))}


def run(installed: Path, where: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """The installed command, called from a folder."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(where), "COLUMNS": "200", **more}
    return subprocess.run(
        [installed / "catalog", *arguments], cwd=where, env=environment, capture_output=True, text=True, check=False
    )


def files(package: str, pattern: str) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob(pattern)}


def test_the_wheel_holds_every_module_and_all_its_data(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    wanted = set().union(*(files(package, "*.py") for package in PACKAGES))
    wanted |= files("sql", "*.sql") | files("schemas", "*.sql")
    wanted |= set().union(*(files("catalog", pattern) for pattern in ("*.toml", "*.html", "*.css", "*.js", "*.json")))
    assert len(wanted) > 40
    assert not wanted - inside
    assert {name.partition("/")[0] for name in inside if ".dist-info" not in name} == set(PACKAGES)


def test_help_answers_from_a_folder_full_of_decoys(installed: Path, decoys: Path) -> None:
    answer = run(installed, decoys, "--help")
    assert answer.returncode == 0
    assert "nightly" in answer.stdout


def test_help_imports_nothing_heavy(installed: Path, tmp_path: Path) -> None:
    answer = run(installed, tmp_path, "--help", PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines() if "|" in line}
    assert "pipelines.cli" in imported  # else nothing was measured
    assert not {name for name in imported if name.partition(".")[0] in HEAVY}


def test_the_environment_has_no_training_packages(installed: Path) -> None:
    look = f"import importlib.util as u; print([n for n in {TRAINING!r} if u.find_spec(n)])"
    found = subprocess.run([installed / "python", "-I", "-c", look], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_every_library_module_that_serves_imports_without_torch(installed: Path, tmp_path: Path) -> None:
    """All modules but those of training: a stray import of torch would stop the night on a serving machine."""
    training = {path.removesuffix(".py").replace("/", ".") for path in DOORS["torch"]}
    modules = {
        path.removesuffix(".py").replace("/", ".")
        for package in ("catalog", "schemas", "sql")
        for path in files(package, "*.py")
        if not path.endswith("__init__.py")
    }
    code = "import importlib, sys\nfor name in sys.argv[1:]:\n    importlib.import_module(name)\n"
    tried = subprocess.run(
        [installed / "python", "-I", "-c", code, *sorted(modules - training)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr


def test_a_night_without_a_model_sends_everything_to_review(installed: Path, decoys: Path) -> None:
    """Migrations, views, templates: all package data is used, from inside the wheel."""
    shop = decoys / "shop"
    assert run(installed, decoys, "init", "shop").returncode == 0
    (decoys / "tree.csv").write_text("id,parent_id,name\n1,,Home\n2,1,Mugs\n3,1,Pans\n")
    imported = run(installed, decoys, "taxonomy", "import", "tree.csv", "--workspace", "shop")
    assert imported.returncode == 0, imported.stderr
    inbox = shop / "feeds" / "acme"
    inbox.mkdir(parents=True)
    (inbox / "items.csv").write_text("item_id,title,price\n007,=blue mug,3.50\n008,pan,12.00\n")
    night = run(installed, decoys, "nightly", "--workspace", "shop")
    assert night.returncode == 0, night.stderr
    (sheet,) = (shop / "review" / "outbox").glob("*.csv")
    with sheet.open(encoding="utf-8-sig", newline="") as file:
        assert {(row["item_id"], row["title"]) for row in csv.DictReader(file)} == {
            ("007", "'=blue mug"),
            ("008", "pan"),
        }
    asked = run(
        installed, decoys, "sql", "SELECT count(*) AS n FROM review_backlog", "-o", "csv", "--workspace", "shop"
    )
    assert asked.stdout.split() == ["n", "2"]


@pytest.mark.train
def test_a_night_on_an_existing_bundle_needs_no_torch(installed: Path, workspace_copy: Path, shop: Path) -> None:
    inbox = workspace_copy / "feeds" / "acme"
    inbox.mkdir(parents=True)
    (inbox / "items.csv").write_bytes((shop / "first.csv").read_bytes())
    night = run(installed, workspace_copy, "nightly")
    assert night.returncode == 0, night.stderr
    query = "SELECT count(*) AS n FROM current_category WHERE vendor = 'acme' AND decided_by = 'model'"
    asked = run(installed, workspace_copy, "sql", query, "-o", "csv")
    assert int(asked.stdout.split()[1]) > 0, "the bundle placed nothing"
