"""What is mistyped, asked of the real fab: one line in our form, exit status 2."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("switch qwen --contxt 1", "fab switch: No idea what '--contxt' is!; fab --help switch"),
        ("switch --context", "fab switch: Flag --context needed value and was not given one!; fab --help switch"),
        ("fit", "fab fit: 'fit' did not receive required positional arguments: 'model'; fab --help fit"),
        ("swich", "fab: No idea what 'swich' is!; fab --list shows every command"),
        ("tunnel.status yes", "fab tunnel.status: No idea what 'yes' is!; fab --help tunnel.status"),
    ],
)
def test_it_is_one_line_with_a_way_out(line: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fabric", *line.split()], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{said}\n")


def test_a_line_that_is_typed_halfway_is_completed() -> None:
    fab = str(Path(sys.executable).with_name("fab"))
    words = [fab, "--complete", "--", "fab", "bench", "--runs", "3", "--conc"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "") and "--concurrency" in done.stdout.split()
