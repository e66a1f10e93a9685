from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.installer import engine, go_build
from scripts.installer.failure import SetupError
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.paths import pulumi_bin
from scripts.installer.stamps import stamp_of, write_stamp
from tests.scripts.installer.conftest import MakeProgram

FAKE_PULUMI = "#!/bin/sh\necho v3.272.0\n"


def write_program(path: Path, text: str = FAKE_PULUMI) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were built into; nothing is compiled."""
    folders: list[Path] = []

    def build(lane: Lane, folder: Path) -> None:
        folders.append(folder)
        write_program(folder / "pulumi")

    monkeypatch.setattr(go_build, "build", build)
    return folders


def answering(monkeypatch: pytest.MonkeyPatch, answer: bool) -> None:
    monkeypatch.setattr(engine, "site_answers", lambda: answer)


def downloading(monkeypatch: pytest.MonkeyPatch, lane: Lane, deed: Callable[[Path], None]) -> None:
    """Puts `deed` in the place of the Automation API; it gets the folder to install to."""
    monkeypatch.setattr(lane, "run", lambda *words, limit_seconds: deed(words[-1]))


def test_where_the_site_does_not_answer_it_is_built_at_once(
    cache: Path, lane: Lane, built: list[Path], make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, False)
    lane.wait_for = lambda name: pytest.fail(f"waited for {name}")
    engine.act(lane)
    assert engine.ask(Job.LAPTOP) == f"3.259.0 in {cache}/pulumi/3.259.0/bin"


def test_where_it_answers_pulumi_s_own_download_is_kept_by_its_version(
    cache: Path, lane: Lane, built: list[Path], make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, True)
    downloading(monkeypatch, lane, lambda root: write_program(root / "bin/pulumi"))
    engine.act(lane)
    assert engine.ask(Job.LAPTOP) == f"3.272.0 in {cache}/pulumi/3.272.0/bin"
    assert not built


def test_a_download_that_fails_leaves_nothing_and_is_followed_by_a_build(
    cache: Path, lane: Lane, built: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(root: Path) -> None:
        write_program(root / "bin/half")
        raise SetupError("python: ended with status 1", hint="")

    answering(monkeypatch, True)
    downloading(monkeypatch, lane, break_off)
    engine.act(lane)
    assert len(built) == 1
    assert [path.name for path in (cache / "pulumi").iterdir()] == ["3.259.0"]


def test_one_built_from_other_pins_is_built_anew(
    cache: Path, lane: Lane, built: list[Path], make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, False)
    engine.act(lane)
    write_stamp(cache / "pulumi/3.259.0", "other pins")
    assert engine.ask(Job.LAPTOP) is None
    engine.act(lane)
    assert stamp_of(cache / "pulumi/3.259.0") == go_build.made_from()


def test_a_build_that_breaks_off_leaves_what_was_there(
    cache: Path, lane: Lane, make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_program(cache / "pulumi/3.259.0/bin/pulumi")
    answering(monkeypatch, False)

    def break_off(lane: Lane, folder: Path) -> None:
        raise SetupError("go: ended with status 1", hint="see the log")

    monkeypatch.setattr(go_build, "build", break_off)
    with pytest.raises(SetupError) as caught:
        engine.act(lane)
    assert caught.value.hint == "see the log, or put Pulumi 3.259.0 or newer on PATH"
    assert pulumi_bin() == cache / "pulumi/3.259.0/bin"
    assert [path.name for path in (cache / "pulumi").iterdir()] == ["3.259.0"]


def test_a_site_that_cannot_be_reached_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "DOWNLOAD_SITE", "http://127.0.0.1:9/install.sh")
    assert not engine.site_answers()
