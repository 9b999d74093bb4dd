"""Deploy files: parsed by what reads them, and in step with the settings, the command and the exit statuses."""

import configparser
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from pydantic import BaseModel

from catalog.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
IMAGES = [DEPLOY / "Dockerfile", DEPLOY / "Dockerfile.gpu"]
NIGHTLY = ["--log-format", "json", "nightly", "--workspace"]
DEADLINE = ["--deadline", "06:00"]
NO_RETRY = [65, 75]

# ---------------------------------------------------------------- settings


def keys(model: type[BaseModel], section: str = "") -> set[tuple[str, str]]:
    """(section, key) of every setting."""
    found: set[tuple[str, str]] = set()
    for name, field in model.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        found |= keys(field.annotation, name) if nested else {(section, name)}
    return found


def mentioned(text: str) -> dict[tuple[str, str], bool]:
    """(section, key) of every line that sets a key, also in a comment; True where a comment stands right above it."""
    found, section, above = {}, "", False
    for line in text.splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
        if setting := re.match(r"(?:# )?(\w+) = ", line):
            found[section, setting[1]] = above
        above = line.startswith("#")
    return found


def test_production_settings_are_the_defaults() -> None:
    text = (DEPLOY / "catalog.production.toml").read_text(encoding="utf-8")
    assert Settings.model_validate(tomllib.loads(text)) == Settings()


def test_production_settings_explain_every_key_and_no_other() -> None:
    explained = mentioned((DEPLOY / "catalog.production.toml").read_text(encoding="utf-8"))
    assert set(explained) == keys(Settings)
    assert all(explained.values())


def test_a_missing_and_an_unexplained_key_would_be_noticed() -> None:
    text = (DEPLOY / "catalog.production.toml").read_text(encoding="utf-8")
    assert set(mentioned(text.replace("max_drop = 0.6", ""))) != keys(Settings)
    assert not all(mentioned(text.replace("[review]\n", "[review]\nnovel = 1\n")).values())


# ---------------------------------------------------------------- images


def instructions(text: str) -> list[tuple[str, str]]:
    """(instruction, argument) of a Dockerfile, continued lines joined, comments dropped."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.split("\n")) if word
    ]


def last_stage(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    start = max(n for n, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.name)
def test_images_serve_without_torch_as_an_ordinary_user(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    found = instructions(text)
    assert {word for word, _ in found} <= {
        "ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "ENTRYPOINT", "CMD",
    }  # fmt: skip
    runs = " ".join(rest for word, rest in found if word == "RUN")
    assert "--require-hashes -r requirements.lock" in runs
    assert "wheel --no-cache-dir --no-build-isolation --no-deps" in runs
    installs = [words for words in runs.split("&&") if " install " in words and "/pip" in words]
    assert all("--require-hashes" in words or "--no-deps /opt/wheel/*.whl" in words for words in installs), installs
    assert not re.search(r"\[train|torch|open.clip", runs)
    final = dict(last_stage(found))
    assert final["USER"] == "10001"
    assert final["VOLUME"] == final["WORKDIR"] == "/workspace"
    assert json.loads(final["ENTRYPOINT"]) == ["catalog"]
    assert json.loads(final["CMD"]) == [*NIGHTLY, "/workspace"]
    order = [word for word, _ in last_stage(found)]
    assert order.index("USER") > max(n for n, word in enumerate(order) if word == "RUN")


def pins(file: Path) -> dict[str, str]:
    """Name to version of a lock, each of which has hashes."""
    pinned = {}
    for line in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if line and not line.lstrip().startswith("#"):
            name, _, version = line.partition(" ")[0].partition("==")
            pinned[name.lower()] = version
            assert version and line.count("--hash=sha256:") >= 1, line
    return pinned


def test_the_lock_pins_every_dependency_with_hashes_as_the_project_asks_for_it() -> None:
    pinned = pins(DEPLOY / "requirements.lock")
    wanted = [
        Requirement(text) for text in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ]
    image = {"sys_platform": "linux", "platform_machine": "x86_64"}
    for one in wanted:
        if one.marker is None or one.marker.evaluate(image):
            assert one.specifier.contains(pinned[one.name.lower()]), one
    assert not {"torch", "transformers", "ray"} & pinned.keys()


def test_the_lock_names_nothing_that_the_project_has_ceased_to_ask_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["sign"]]
    wanted = {Requirement(text).name.lower() for text in asked}
    text = (DEPLOY / "requirements.lock").read_text(encoding="utf-8")
    for block in re.split(r"(?m)^(?=[a-z0-9])", text)[1:]:
        name, why = block.partition("==")[0].lower(), block.partition("# via")[2]
        assert why, f"{name}: for whose sake?"
        assert name in wanted or "feedshelf" not in why, f"{name} is no dependency any more"


def test_what_builds_the_wheel_is_pinned_as_the_project_asks_for_it() -> None:
    pinned = pins(DEPLOY / "build.lock")
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert pinned.keys() == {Requirement(one).name for one in wanted}
    assert all(Requirement(one).specifier.contains(pinned[Requirement(one).name]) for one in wanted)


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.name)
def test_images_copy_every_package_and_only_what_exists(file: Path) -> None:
    copied = [rest.split()[:-1] for word, rest in instructions(file.read_text(encoding="utf-8")) if word == "COPY"]
    sources = {source for group in copied for source in group if not source.startswith(("--from", "/"))}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {name.partition(".")[0] for name in project["tool"]["setuptools"]["packages"]}
    assert (
        packages | {"pyproject.toml", project["project"]["readme"], "deploy/requirements.lock", "deploy/build.lock"}
        == sources
    )
    assert all((ROOT / source).exists() for source in sources)


def test_the_gpu_image_brings_cudnn_in_both_stages() -> None:
    text = (DEPLOY / "Dockerfile.gpu").read_text(encoding="utf-8")
    (argument,) = [rest for word, rest in instructions(text) if word == "ARG"]
    assert re.fullmatch(r"CUDA_IMAGE=nvidia/cuda:13\.[\d.]+-cudnn-runtime-ubuntu24\.04", argument)
    assert text.count("FROM ${CUDA_IMAGE}") == 2


# ---------------------------------------------------------------- systemd


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(delimiters=["="], comment_prefixes=["#"], interpolation=None)
    parser.optionxform = str
    parser.read(DEPLOY / "systemd" / name, encoding="utf-8")
    return parser


def test_the_service_runs_the_night_once_and_knows_the_exit_statuses() -> None:
    service = unit("feedshelf-nightly.service")["Service"]
    command = shlex.split(service["ExecStart"])
    assert Path(command[0]).name == "catalog"
    assert command[1:] == [*NIGHTLY, service["WorkingDirectory"], *DEADLINE]
    assert service["ReadWritePaths"] == service["WorkingDirectory"]
    assert service["Type"] == "oneshot"
    assert service["RestartPreventExitStatus"].split() == [str(code) for code in NO_RETRY]
    assert service["SuccessExitStatus"] == "75"  # 65 must stay visible to monitoring
    assert int(service["Nice"]) > 0
    assert service["User"] != "root"


def test_the_timer_starts_that_service_every_night() -> None:
    timer = unit("feedshelf-nightly.timer")
    assert timer["Timer"]["OnCalendar"].startswith("*-*-* ")
    assert timer["Timer"]["Persistent"] == "yes"
    assert "Unit" not in timer["Timer"]  # it starts the service of its own name
    assert timer["Install"]["WantedBy"] == "timers.target"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    verify = ["systemd-analyze", "verify", "--man=no"]
    for name in ("feedshelf-nightly.service", "feedshelf-nightly.timer"):
        text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={sys.executable}", text, flags=re.MULTILINE))
        checked = subprocess.run([*verify, tmp_path / name], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
    broken = tmp_path / "feedshelf-nightly.service"
    broken.write_text(broken.read_text().replace("Nice=10", "Niceness=10"))
    assert "Niceness" in subprocess.run([*verify, broken], capture_output=True, text=True, check=False).stderr


# ---------------------------------------------------------------- Kubernetes


def manifests(name: str = "cronjob.yaml") -> dict[str, dict]:
    with (DEPLOY / "kubernetes" / name).open(encoding="utf-8") as file:
        return {document["kind"]: document for document in yaml.safe_load_all(file)}


def test_the_cronjob_never_runs_twice_at_once_and_retries_only_crashes() -> None:
    spec = manifests()["CronJob"]["spec"]
    job = spec["jobTemplate"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] > 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # podFailurePolicy works with nothing else
    first = job["podFailurePolicy"]["rules"][0]
    assert first["action"] == "FailJob"
    assert first["onExitCodes"]["values"] == NO_RETRY
    assert job["backoffLimit"] > 0


def test_the_pod_calls_the_command_in_its_volume_as_the_images_user() -> None:
    documents = manifests()
    pod = documents["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    rule = documents["CronJob"]["spec"]["jobTemplate"]["spec"]["podFailurePolicy"]["rules"][0]
    assert rule["onExitCodes"]["containerName"] == container["name"]
    assert container["args"] == [*NIGHTLY, "/workspace", *DEADLINE]
    assert "command" not in container
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts["workspace"] == "/workspace"
    assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}
    claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v]
    assert claims == [documents["PersistentVolumeClaim"]["metadata"]["name"]]
    assert str(pod["securityContext"]["runAsUser"]) == dict(instructions(IMAGES[0].read_text()))["USER"]
    assert {"requests", "limits"} <= container["resources"].keys()


def test_the_image_tag_is_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pod = manifests()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == f"{project['name']}:{project['version']}"


# ---------------------------------------------------------------- Ray


ON_RAY = ["--log-format", "json", "nightly", "--engine", "ray", "--workspace"]
RAY_IMAGE = DEPLOY / "Dockerfile.ray"


def pinned(text: str) -> set[str]:
    """The versions of Ray that a text names."""
    return set(re.findall(r"ray\[data,default\]==([\d.]+)", text))


def test_the_ray_image_adds_ray_alone_to_the_serving_image() -> None:
    text, project = (
        RAY_IMAGE.read_text(encoding="utf-8"),
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"],
    )
    found = instructions(text)
    assert [word for word, _ in found] == ["ARG", "FROM", "USER", "RUN", "USER"]
    assert found[0][1] == f"BASE={project['name']}:{project['version']}"
    assert found[1][1] == "${BASE}"
    assert found[-1][1] == dict(last_stage(instructions(IMAGES[0].read_text())))["USER"]
    (version,) = pinned(text)
    (extra,) = project["optional-dependencies"]["ray"]
    assert Requirement(extra).specifier.contains(version)


def test_the_rayjob_calls_the_command_in_a_volume_that_all_pods_share() -> None:
    documents = manifests("rayjob.yaml")
    spec = documents["RayJob"]["spec"]
    assert shlex.split(spec["entrypoint"]) == ["catalog", *ON_RAY, "/workspace"]
    cluster = spec["rayClusterSpec"]
    assert {cluster["rayVersion"]} == pinned(RAY_IMAGE.read_text(encoding="utf-8"))
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for group in groups:
        pod = group["template"]["spec"]
        (container,) = pod["containers"]
        assert container["image"] == f"{project['name']}-ray:{project['version']}"
        assert not {"command", "args"} & container.keys()  # Ray's own start
        assert container["volumeMounts"] == [{"name": "workspace", "mountPath": "/workspace"}]
        (volume,) = pod["volumes"]
        claim = volume["persistentVolumeClaim"]["claimName"]
        assert claim == documents["PersistentVolumeClaim"]["metadata"]["name"]
        assert str(pod["securityContext"]["runAsUser"]) == instructions(RAY_IMAGE.read_text())[-1][1]
        assert {"requests", "limits"} <= container["resources"].keys()
    assert documents["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_rayjob_keeps_the_head_for_the_command_and_knows_its_workers_when_it_starts() -> None:
    cluster = manifests("rayjob.yaml")["RayJob"]["spec"]["rayClusterSpec"]
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    for group in cluster["workerGroupSpecs"]:
        (container,) = group["template"]["spec"]["containers"]
        assert group["replicas"] == group["minReplicas"] == group["maxReplicas"]  # scale.concurrency = 0 counts them
        assert group["rayStartParams"]["num-cpus"] == container["resources"]["requests"]["cpu"]


def test_the_ray_cluster_installs_this_version_and_starts_nothing_of_its_own() -> None:
    text = (DEPLOY / "ray" / "cluster.yaml").read_text(encoding="utf-8")
    cluster = yaml.safe_load(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"{project['name']}-{project['version']}-py3-none-any.whl[ray]" in " ".join(cluster["setup_commands"])
    assert pinned(text) == pinned(RAY_IMAGE.read_text(encoding="utf-8"))
    started = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    assert {shlex.split(line)[0] for line in started} == {"/opt/feedshelf/bin/ray"}
    (called,) = re.findall(r"ray exec \S+ '(.+)'", text)
    assert shlex.split(called) == ["/opt/feedshelf/bin/catalog", *ON_RAY, "/srv/shop"]


@pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="Ray is not installed: pip install 'feedshelf[ray]'")
def test_ray_accepts_its_cluster_file(tmp_path: Path) -> None:
    text = (DEPLOY / "ray" / "cluster.yaml").read_text(encoding="utf-8")
    check = """
import sys, yaml
from ray.autoscaler._private.util import prepare_config, validate_config
validate_config(prepare_config(yaml.safe_load(open(sys.argv[1]))))
"""
    for content, accepted in ((text, True), (text.replace("idle_timeout_minutes", "idle_minutes"), False)):
        (tmp_path / "cluster.yaml").write_text(content, encoding="utf-8")
        checked = subprocess.run(
            [sys.executable, "-c", check, tmp_path / "cluster.yaml"], capture_output=True, check=False
        )
        assert (checked.returncode == 0) is accepted, checked.stderr


# ---------------------------------------------------------------- the command they all call


def test_the_command_knows_every_option_the_deploy_files_use() -> None:
    from typer.testing import CliRunner

    from pipelines.cli import app

    runner = CliRunner()
    for arguments in (["nightly", "--help"], ["--log-format", "json", "nightly", "--help"]):
        answer = runner.invoke(app, arguments, env={"COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"})
        assert answer.exit_code == 0
        assert {"--workspace", "--engine"} <= set(re.findall(r"--[a-z]+", answer.stdout))
