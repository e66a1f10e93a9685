from pathlib import Path

import pytest

from scripts.installer import aider, javascript, libraries, local_cloud, uv
from scripts.installer.failure import SetupError
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.libraries import FOR_TESTS, RUNTIME, is_sound, made_from
from scripts.installer.stamps import digest, write_stamp
from tests.scripts.installer.conftest import MakeProgram


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A .venv that holds nothing but a stamp to be written."""
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/bin/python").touch()
    monkeypatch.setattr(libraries, "VENV", tmp_path / "venv")
    monkeypatch.setattr(uv, "PYTHON", tmp_path / "venv/bin/python")
    return tmp_path / "venv"


@pytest.mark.parametrize(
    ("lists", "job", "is_enough"),
    [
        (RUNTIME, Job.LAPTOP, True),
        (RUNTIME, Job.TRY, True),
        (RUNTIME, Job.FAST, False),
        (FOR_TESTS, Job.TEST, True),
        (FOR_TESTS, Job.LAPTOP, True),
    ],
)
def test_what_tests_need_is_enough_for_the_rest_but_not_the_other_way(
    venv: Path, lists: tuple[Path, ...], job: Job, is_enough: bool
) -> None:
    write_stamp(venv, made_from(lists))
    assert (libraries.ask(job) is not None) == is_enough


def test_an_environment_whose_python_has_gone_is_made_anew(venv: Path) -> None:
    write_stamp(venv, made_from(FOR_TESTS))
    (venv / "bin/python").unlink()
    assert libraries.ask(Job.TEST) is None
    assert not is_sound(venv)


def test_an_environment_copied_from_elsewhere_is_not_sound(tmp_path: Path) -> None:
    """Its programs would start the original's Python."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(uv.PYTHON)
    (tmp_path / "bin/activate").write_text("VIRTUAL_ENV=/elsewhere/.venv")
    assert not is_sound(tmp_path)


def test_aider_made_from_another_list_is_made_anew(cache: Path) -> None:
    home = cache / "aider/0.86.2"
    (home / "bin").mkdir(parents=True)
    (home / "bin/python").touch()
    write_stamp(home, digest("another list"))
    assert aider.ask(Job.TEST) is None
    write_stamp(home, digest(str(home), aider.LIST))
    assert aider.ask(Job.TEST) == f"aider 0.86.2 in {home}"


def test_without_node_nothing_is_missed(make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert javascript.ask(Job.TEST) == "passed over: no node and npm on PATH, the tests that use them are skipped"


def test_npm_s_libraries_are_moved_in_place_when_they_are_complete(
    cache: Path, lane: Lane, make_program: MakeProgram
) -> None:
    make_program("node", "")
    make_program("npm", 'mkdir node_modules && echo "$@"')
    assert javascript.ask(Job.TEST) is None
    javascript.act(lane)
    assert javascript.ask(Job.TEST) == "@linode/validation"
    assert [path.name[0] for path in (cache / "npm").iterdir()] != ["."]


def test_a_broken_off_npm_leaves_nothing(cache: Path, lane: Lane, make_program: MakeProgram) -> None:
    make_program("npm", "mkdir node_modules; exit 1")
    with pytest.raises(SetupError, match="npm: ended with status 1"):
        javascript.act(lane)
    assert list((cache / "npm").iterdir()) == []


@pytest.mark.parametrize(("status", "word"), [(0, "root file system, image, model, vLLM"), (1, None)])
def test_the_local_cloud_says_itself_whether_it_is_prepared(
    make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch, status: int, word: str | None
) -> None:
    monkeypatch.setattr(
        uv, "PYTHON", make_program("python", f'[ "$*" = "-m scripts.cloud prepare --check" ] && exit {status}')
    )
    assert local_cloud.ask(Job.TRY) == word


def test_without_a_python_that_aider_accepts_it_says_which_to_install(
    cache: Path, lane: Lane, make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uv, "UV", make_program("uv", "echo no interpreter found; exit 2"))
    with pytest.raises(SetupError) as caught:
        aider.act(lane)
    line = "aider: needs Python >=3.10,<3.13: no interpreter found; install Python 3.12 and run this again"
    assert caught.value.line() == line
