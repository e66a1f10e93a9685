"""Lanes, parts and programs to try set-up with; nothing here reaches the network or the real cache."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.installer.children import Children
from scripts.installer.job import ALL, Job
from scripts.installer.lane import Lane
from scripts.installer.parts import Part

MakeProgram = Callable[[str, str], Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, the one that DAYBOX_CACHE names."""
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def make_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProgram:
    """Writes shell programs into a folder that is first on PATH."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def make(name: str, text: str) -> Path:
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
        return folder / name

    return make


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    """A lane of the job `test` whose waits end at once."""
    return Lane(Job.TEST, tmp_path / "part.log", Children(), wait_for=lambda name: None)


def part(
    name: str,
    ask: Callable[[Job], str | None] = lambda job: None,
    act: Callable[[Lane], None] = lambda lane: None,
    after: tuple[str, ...] = (),
) -> Part:
    """A part for every job."""
    return Part(name, f"the part {name}", ALL, ask, act, seconds=1, download_mb=1, after=after)
