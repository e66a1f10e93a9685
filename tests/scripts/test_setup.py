"""`scripts/setup` as people start it: its words, its exit status, and what is left when it is stopped."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.installer.pins import REPOSITORY
from tests.scripts.installer.processes import is_alive, written_pid

# Set-up as it is, with one part in the table that never ends by itself.
ENDLESS = """
import sys
from scripts.installer import __main__, parts
from scripts.installer.job import ALL
act = lambda lane: lane.run("sh", "-c", "sleep 60 & echo $! > {pid}; wait")
parts.PARTS = (parts.Part("endless", "a part", ALL, lambda job: None, act, seconds=1, download_mb=1),)
sys.exit(__main__.main())
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Ours, with a cache folder that is empty."""
    return {**os.environ, "DAYBOX_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(REPOSITORY)}


def setup(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REPOSITORY / "scripts/setup", *words], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_it_ends_what_it_started_and_says_how_to_go_on(
    number: signal.Signals, tmp_path: Path, environment: dict[str, str]
) -> None:
    words = [sys.executable, "-c", ENDLESS.format(pid=tmp_path / "pid")]
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        child = written_pid(tmp_path / "pid")
        process.send_signal(number)
        _, said = process.communicate(timeout=10)
    assert process.returncode == 130
    assert said == "\nsetup: stopped; what is done is kept, run it again to go on\n"
    assert not is_alive(child)


def test_check_reports_what_is_missing_and_changes_nothing(tmp_path: Path, environment: dict[str, str]) -> None:
    done = setup("--check", "laptop", env=environment)
    assert done.returncode == 1
    assert "  missing aider      aider: about " in done.stdout
    assert not (tmp_path / "cache").exists()


def test_a_word_that_is_no_job_is_refused_with_the_choice(environment: dict[str, str]) -> None:
    done = setup("everything", env=environment)
    assert done.returncode == 2
    assert "{laptop,try,fast,test,paths,pin}" in done.stderr


def test_without_a_new_enough_python_it_says_which(environment: dict[str, str], tmp_path: Path) -> None:
    for name in ("python3", "python3.14", "python3.13", "python3.12", "python3.11"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    done = setup(env={**environment, "PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.returncode == 1
    assert "there is no Python from 3.11 on" in done.stderr


def test_a_second_set_up_waits_for_the_first(tmp_path: Path, environment: dict[str, str]) -> None:
    lock = tmp_path / "cache/setup/lock"
    lock.parent.mkdir(parents=True)
    nothing = ENDLESS.replace('lane.run("sh", "-c", "sleep 60 & echo $! > {pid}; wait")', "None")
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        words = [sys.executable, "-u", "-c", nothing]
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
    assert first[1] == "  another set-up is under way: waiting for it\n"
    assert "FAILED" in process.communicate(timeout=10)[0]  # the part does nothing, so it is still missing


def test_paths_tells_where_the_programs_are(environment: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "cache/pulumi/3.300.0/bin"
    kept.mkdir(parents=True)
    (kept / "pulumi").touch()
    done = setup("paths", env={**environment, "PATH": "/usr/bin:/bin", "PYTHON": sys.executable})
    assert done.stdout.splitlines()[0] == f"pulumi {kept}"
    assert done.stdout.splitlines()[1] == f"aider {tmp_path}/cache/aider/0.86.2/bin"
