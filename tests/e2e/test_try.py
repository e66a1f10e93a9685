"""`./scripts/try` from a fresh checkout, with an environment of its own: what a newcomer types first."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import CHECKOUT
from tests.laptop import LONGEST_SECONDS, NOT_COPIED, SETTINGS


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


def test_one_command_does_the_whole_job_and_leaves_nothing(fresh: Path) -> None:
    done = subprocess.run(
        ["./scripts/try"], cwd=fresh, env=environment(fresh), capture_output=True, text=True, timeout=LONGEST_SECONDS
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    for said in (
        "the model's function was run: add(2, 3) == 5",
        "the account lists nothing of it",
        "the API lists: nothing",
    ):
        assert said in done.stdout
    assert str(fresh.parent) not in Path("/proc/mounts").read_text()


def test_ctrl_c_while_the_box_boots_cleans_up_and_says_so(fresh: Path) -> None:
    process = subprocess.Popen(
        ["./scripts/try"],
        cwd=fresh,
        env=environment(fresh) | {"DAYBOX_LANDING_SECONDS": "5"},  # else the clean-up waits two minutes for the create
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    boxes = fresh.parent / "state/cloud/boxes"
    deadline = time.monotonic() + LONGEST_SECONDS / 2
    while not any(boxes.glob("*")):
        assert process.poll() is None and time.monotonic() < deadline, "no box was ever made"
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everything in the foreground
    said, _ = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 130, said[-3000:]
    assert "cleaning up" in said
    assert not any(boxes.glob("*")), said[-3000:]
    assert str(fresh.parent) not in Path("/proc/mounts").read_text()
