"""What is set up, built and shipped: the locks, the wheel, the compose file."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.engine.local import IMAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
PROJECT: Mapping[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: Mapping[str, list[str]] = PROJECT["optional-dependencies"]
WANTED = {
    "run": PROJECT["dependencies"],
    "test": PROJECT["dependencies"] + EXTRAS["test"],
    "dev": PROJECT["dependencies"] + EXTRAS["test"] + EXTRAS["dev"],
}


def locked(name: str) -> dict[str, Requirement]:
    """Read the lock *name*: canonical package name to what is pinned, without the hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    entries = re.findall(r"^([^\s#][^\\\n]*)", text, re.MULTILINE)
    pins = [Requirement(entry) for entry in entries]
    return {canonicalize_name(pin.name): pin for pin in pins}


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_pins_every_dependency_of_the_project(name: str) -> None:
    """What pyproject.toml asks for is in the lock, in a version that it allows."""
    pins = locked(name)
    for wanted in map(Requirement, WANTED[name]):
        pin = pins[canonicalize_name(wanted.name)]
        (exactly,) = pin.specifier
        assert exactly.operator == "=="
        assert wanted.specifier.contains(exactly.version), f"{wanted} is locked as {pin}"


@pytest.mark.parametrize("name", WANTED)
def test_a_lock_has_hashes_for_every_line_and_names_no_host(name: str) -> None:
    """A package that was tampered with is not installed, and any index may serve the right one."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    for entry in text.replace("\\\n", " ").splitlines():
        if not entry.startswith("#"):
            assert re.search(r"==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry


@pytest.mark.parametrize(("smaller", "larger"), [("run", "test"), ("test", "dev")])
def test_the_locks_agree(smaller: str, larger: str) -> None:
    """What is tested is what runs: each lock holds all of the one before it, in one version."""
    contained, container = locked(smaller), locked(larger)
    for name, pin in contained.items():
        assert container[name].specifier == pin.specifier, name


@pytest.mark.parametrize("path", ["Makefile", "pyproject.toml", ".ci/run", "requirements/build.in"])
def test_no_registry_is_named(path: str) -> None:
    """Where packages come from is the machine's to say, not this repository's."""
    file = ROOT / path
    if not file.exists():
        pytest.skip(f"{path} is not here: an installed wheel is under test")
    for address in re.findall(r"\w+://([^\s'\"]*)", file.read_text()):
        assert address.startswith(("localhost", "127.0.0.1")), f"{path} names {address}"


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    """Modules, pages, the typing marker and licences are in it; tests and sources of locks not."""
    if not (ROOT / "pipeline").is_dir():
        pytest.skip("the sources are not here: an installed wheel is under test")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "pipeline").rglob("*.py")}
    assert modules <= shipped
    folders = [ROOT / "pipeline" / layer / "page" for layer in ("api", "observe")]
    pages = {str(path.relative_to(ROOT)) for folder in folders for path in folder.iterdir()}
    assert {"pipeline/api/page/index.html", "pipeline/observe/page/uplot.js"} <= pages <= shipped
    assert "pipeline/py.typed" in shipped
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in shipped)
    assert {name.split("/")[0].split("-")[0] for name in shipped} == {
        "pipeline",
        "dynamodb_pipeline",
    }


def test_compose_is_reachable_from_this_machine_alone() -> None:
    """Both services pin their image and bind to 127.0.0.1; the engine is the one tests use."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(services) == {"dynamodb", "browser"}
    assert services["dynamodb"]["image"] == IMAGE
    for service in services.values():
        assert re.fullmatch(r"[\w/-]+:\d+\.\d+\.\d+", service["image"])
        assert [port.split(":")[0] for port in service["ports"]] == ["127.0.0.1"]


def test_the_local_definition_is_the_example_against_the_composed_engine() -> None:
    """configs/users-local.yaml is users.yaml, but into the port that compose publishes."""
    example, local = (
        yaml.safe_load((ROOT / "configs" / name).read_text())
        for name in ("users.yaml", "users-local.yaml")
    )
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    published = services["dynamodb"]["ports"][0].split(":")[1]
    example["name"] = "users-local"
    example["target"]["endpoint"] = f"http://localhost:{published}"
    assert local == example
    assert services["browser"]["environment"]["DYNAMO_ENDPOINT"] == "http://dynamodb:8000"


def test_java_and_docker_run_the_same_engine() -> None:
    """One version of DynamoDB Local, wherever it comes from."""
    pom = (ROOT / "tests/engine/pom.xml").read_text()
    version = IMAGE.rpartition(":")[2]
    assert f"<artifactId>DynamoDBLocal</artifactId>\n      <version>{version}</version>" in pom
