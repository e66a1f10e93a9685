import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.installer.paths import CLIENT_FILES, NPM_FILES
from scripts.installer.pin import LISTS, List, command
from scripts.installer.pins import AIDER, REPOSITORY

NAMES = [pinned.name for pinned in LISTS]
SOURCES = ("stacks", "playbooks", "scripts", "templates", "tests", "__main__.py", "fabfile.py")
# import name -> name on PyPI, where the two differ
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "testinfra": "pytest-testinfra",
    "linodecli": "linode-cli",
    "linode_api4": "linode-api4",
    "prometheus_client": "prometheus-client",
    "pulumi_linode": "pulumi-linode",
    "google": "protobuf",
    "grpc": "grpcio",
    "huggingface_hub": "huggingface-hub",
    "prompt_toolkit": "prompt-toolkit",
    "ruamel": "ruamel-yaml",
}
# What runs on the box, in the container or in aider's own environment is not imported here.
ELSEWHERE = {"vllm", "torch", "aider"}


def wanted(name: str) -> set[str]:
    """The libraries that `<name>.in` names."""
    lines = (REPOSITORY / f"{name}.in").read_text().splitlines()
    return {re.split(r"[=<> ]", line)[0] for line in lines if line and line[0] not in "#-"}


def pinned_versions(name: str) -> dict[str, str]:
    """library -> version, as `<name>.txt` has it; environment markers left out."""
    found = re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", (REPOSITORY / f"{name}.txt").read_text(), re.MULTILINE)
    return dict(found)


def entries(name: str) -> list[str]:
    return re.split(r"\n(?=[a-z])", (REPOSITORY / f"{name}.txt").read_text())[1:]


def imports(path: Path) -> set[str]:
    """Top names that a file imports, wherever in it."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    members = {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) if not node.level}
    return {name.split(".")[0] for name in plain | members}


def third_party(*roots: str) -> set[str]:
    """What the sources import, under its name on PyPI; our own folders and Python's own modules left out."""
    places = [REPOSITORY / root for root in roots]
    files = [file for place in places for file in ([place] if place.is_file() else place.rglob("*.py"))]
    own = {"stacks", "playbooks", "scripts", "templates", "tests", "fabfile", ""}
    names = set().union(*map(imports, files)) - own - ELSEWHERE - sys.stdlib_module_names
    return {DISTRIBUTIONS.get(name, name) for name in names}


@pytest.mark.parametrize("name", NAMES)
def test_everything_wanted_is_pinned(name: str) -> None:
    assert wanted(name) <= set(pinned_versions(name))


@pytest.mark.parametrize("name", NAMES)
def test_everything_pinned_has_a_hash(name: str) -> None:
    assert [entry for entry in entries(name) if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("path", [*(f"{name}.txt" for name in NAMES), *(str(file) for file in NPM_FILES)])
def test_no_list_names_the_place_it_was_made_from(path: str) -> None:
    assert not re.search(r"https?://|--index|--find-links|\"resolved\"", (REPOSITORY / path).read_text())


def test_the_libraries_for_tests_hold_all_of_the_others_in_the_same_versions() -> None:
    runtime = pinned_versions("requirements").items()
    assert runtime <= pinned_versions("requirements-dev").items()


def test_what_the_product_imports_is_wanted_by_name() -> None:
    ours = third_party("stacks", "playbooks", "scripts", "templates", "__main__.py", "fabfile.py")
    assert ours - wanted("requirements") == set()


def test_what_the_tests_import_is_wanted_by_name() -> None:
    assert third_party(*SOURCES) - wanted("requirements") - wanted("requirements-dev") == set()


def test_aider_is_the_version_that_the_cache_is_named_for() -> None:
    assert pinned_versions("requirements-aider")["aider-chat"] == AIDER


@pytest.mark.parametrize("pinned", LISTS, ids=lambda pinned: pinned.name)
def test_a_list_is_made_for_every_system_with_hashes_and_of_wheels(pinned: List) -> None:
    assert {"--universal", "--generate-hashes", "--no-build", f"{pinned.name}.in"} <= set(command(pinned))


def test_npm_installs_just_what_its_list_pins() -> None:
    package, lock = (json.loads(file.read_text()) for file in NPM_FILES)
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert all(entry["integrity"] for name, entry in lock["packages"].items() if name)


def test_the_clients_from_npm_are_pinned_and_their_lock_names_no_host() -> None:
    package, lock = (json.loads(file.read_text()) for file in CLIENT_FILES[:2])
    assert lock["packages"][""]["dependencies"] == package["dependencies"]
    assert all(entry["integrity"] for name, entry in lock["packages"].items() if name)
    assert "://" not in CLIENT_FILES[1].read_text()


def test_set_up_needs_nothing_but_python() -> None:
    """-S leaves site-packages out, -I the user's environment; what is imported then is Python's own or ours."""
    program = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import scripts.installer.__main__"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
