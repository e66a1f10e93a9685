import json
from pathlib import Path

import pytest

from scripts.installer import go, go_build
from scripts.installer.failure import SetupError
from scripts.installer.go import BUILD, Go, find_go, floor
from scripts.installer.lane import Lane
from scripts.installer.pins import PULUMI_BUILT, PULUMI_HELPERS, PULUMI_HELPERS_SUM
from tests.scripts.installer.conftest import MakeProgram

# A Go that writes the program it is asked for, and knows one module.
FAKE_GO = """
case "$1 $2" in
"version "*) echo go version go1.26.8 linux/amd64 ;;
"build "*) while [ "$1" != -o ]; do shift; done; echo built in "$(basename "$PWD")" > "$2" ;;
"mod download") echo '{module}' ;;
esac
"""


def fake_go(make_program: MakeProgram, tmp_path: Path, checksum: str = PULUMI_HELPERS_SUM) -> None:
    module = tmp_path / "module"
    for helper in go_build.HELPERS:
        (module / helper).parent.mkdir(parents=True)
        (module / helper).write_text("a helper")
        (module / helper).chmod(0o444)
    make_program("go", FAKE_GO.replace("{module}", json.dumps({"Dir": str(module), "Sum": checksum})))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """An empty folder to build into."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def test_each_program_is_built_in_its_own_wrapper_and_the_helpers_can_be_started(
    lane: Lane, make_program: MakeProgram, tmp_path: Path, target: Path
) -> None:
    fake_go(make_program, tmp_path)
    go_build.build(lane, target)
    assert (target / "pulumi").read_text() == "built in engine\n"
    assert (target / "pulumi-language-python").read_text() == "built in language\n"
    for helper in ("pulumi-language-python-exec", "pulumi-resource-pulumi-python"):
        assert (target / helper).stat().st_mode & 0o777 == 0o755


def test_a_module_with_another_checksum_is_refused(
    lane: Lane, make_program: MakeProgram, tmp_path: Path, target: Path
) -> None:
    fake_go(make_program, tmp_path, checksum="h1:forged=")
    with pytest.raises(SetupError) as caught:
        go_build.build(lane, target)
    assert caught.value.fact == f"{PULUMI_HELPERS}: its checksum is h1:forged=, pinned is {PULUMI_HELPERS_SUM}"


@pytest.mark.parametrize("program", go_build.PROGRAMS, ids=lambda program: program.name)
def test_every_module_of_a_wrapper_is_pinned_by_its_checksum(program: go_build.Program) -> None:
    wrapper = go_build.WRAPPERS / program.wrapper
    lines = [line.split() for line in (wrapper / "go.mod").read_text().splitlines() if line.startswith("\t")]
    sums = (wrapper / "go.sum").read_text()
    assert lines
    assert all(f"{name} {version}" in sums for name, version, *_ in lines if name != "github.com/atotto/clipboard")


def test_the_engine_s_wrapper_names_the_version_that_is_shown() -> None:
    text = (go_build.WRAPPERS / "engine/go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{PULUMI_BUILT}\n" in text


def test_the_helpers_are_of_the_python_sdk_that_is_pinned() -> None:
    version = PULUMI_HELPERS.rpartition("@v")[2]
    assert f"\npulumi=={version} " in (go.LIST.parents[3] / "requirements.txt").read_text()


def test_a_go_on_path_that_is_new_enough_is_used(lane: Lane, make_program: MakeProgram) -> None:
    program = make_program("go", "echo go version go1.99.0 linux/amd64")
    assert find_go(lane) == Go(program, BUILD)


def test_an_old_go_is_left_alone_and_one_is_fetched(
    lane: Lane, make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program("go", "echo go version go1.24.0 linux/amd64")
    fetched = Go(Path("/fetched"), BUILD)
    monkeypatch.setattr(go, "fetch_go", lambda lane: fetched)
    assert find_go(lane) is fetched


def test_the_oldest_go_that_builds_it_is_the_wrapper_s() -> None:
    assert floor() == (1, 25, 11)


def test_a_go_that_was_fetched_is_removed_and_one_that_was_here_is_not(tmp_path: Path) -> None:
    (tmp_path / "go").mkdir()
    Go(tmp_path / "go/bin/go", BUILD).forget()
    assert (tmp_path / "go").is_dir()
    Go(tmp_path / "go/bin/go", BUILD, borrowed=tmp_path / "go").forget()
    assert not (tmp_path / "go").exists()
