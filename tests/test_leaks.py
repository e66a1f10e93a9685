"""A search that finds nothing proves nothing, unless it finds what was planted."""

import subprocess
import sys
from pathlib import Path

from tests.leaks import command_lines, files_with, holds, processes, shown

SECRET = "planted-3f9c"


def test_a_secret_in_a_file_is_found_and_the_file_named(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/leak").write_bytes(b"\xff" + SECRET.encode())
    (tmp_path / "clean").write_text("nothing")
    assert files_with([SECRET], tmp_path) == {tmp_path / "deep/leak"}


def test_a_secret_on_the_command_line_of_a_short_program_is_seen() -> None:
    with command_lines() as lines:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.2)", SECRET], check=True)
    assert any(holds(line, [SECRET]) for line in lines)


def test_what_was_on_no_command_line_is_not_seen() -> None:
    with command_lines() as lines:
        subprocess.run(["sleep", "0.2"], check=True)
    assert lines and not any(holds(line, ["never-said"]) for line in lines)


def test_the_environment_of_a_running_program_is_shown() -> None:
    words = [sys.executable, "-c", "print('.', flush=True); input()", "a-word-of-its-own"]
    with subprocess.Popen(
        words, env={"PLANTED": SECRET}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout and program.stdout.readline()
        [found] = processes("a-word-of-its-own")
        assert SECRET.encode() in shown(found, "environ")
        program.communicate("\n")
