"""`./scripts/try` from a fresh checkout, with an environment of its own: what a newcomer types first."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import CHECKOUT
from tests.laptop import LONGEST_SECONDS, NOT_COPIED, SETTINGS, all_said


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Path]:
    """A checkout in which nothing was set up: libraries that only tests have are not there."""
    import shutil

    root = tmp_path / "daybox"
    shutil.copytree(CHECKOUT, root, ignore=NOT_COPIED)
    yield root
    subprocess.run([root / "scripts/cloud/stop", "--boxes"], env=environment(root), check=False)


def environment(root: Path) -> dict[str, str]:
    """A newcomer's shell, and a state of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    cache = {"DAYBOX_CACHE": os.environ["DAYBOX_CACHE"]} if "DAYBOX_CACHE" in os.environ else {}
    return kept | cache | {"DAYBOX_STATE": str(root.parent / "state")}


def start_try(root: Path, **more: str) -> subprocess.Popen[str]:
    """Type the command."""
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    return subprocess.Popen(
        ["./scripts/try"], cwd=root, env=environment(root) | more, stdout=pipe, stderr=both, text=True,
        start_new_session=True,
    )  # fmt: skip


def test_one_command_does_the_whole_job_and_leaves_nothing(fresh: Path) -> None:
    process = start_try(fresh)
    said, _ = all_said(process)
    assert process.returncode == 0, said[-6000:]
    for promised in (
        "the model's function was run: add(2, 3) == 5",
        "the account lists nothing of it",
        "the API lists: nothing",
    ):
        assert promised in said
    assert str(fresh.parent) not in Path("/proc/mounts").read_text()


def test_ctrl_c_while_the_box_boots_cleans_up_and_says_so(fresh: Path) -> None:
    process = start_try(fresh, DAYBOX_LANDING_SECONDS="5")  # else the clean-up waits two minutes for the create
    boxes = fresh.parent / "state/cloud/boxes"
    deadline = time.monotonic() + LONGEST_SECONDS / 2
    while not any(boxes.glob("*")):
        assert process.poll() is None and time.monotonic() < deadline, "no box was ever made"
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everything in the foreground
    said, _ = all_said(process)
    assert process.returncode == 130, said[-3000:]
    assert "cleaning up" in said
    assert not any(boxes.glob("*")), said[-3000:]
    assert str(fresh.parent) not in Path("/proc/mounts").read_text()
