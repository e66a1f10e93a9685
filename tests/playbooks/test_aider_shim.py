"""The program named aider that `fab env` puts first on PATH: run by real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from playbooks.aider_shim import SHIM_FOLDER, shim_text, without_shims, write_shim
from playbooks.boxes import ROOT
from playbooks.client_env import path_line


def test_the_script_is_this() -> None:
    assert (
        shim_text("coder-30b", Path("/v/bin/fab"), Path("/da y"), Path("/state"))
        == """\
#!/bin/sh
# Made by `fab env`: aider, typed from habit, works with the box of coder-30b. Anything else: take this folder off PATH.
DAYBOX_STATE=/state exec /v/bin/fab --search-root '/da y' launch aider --stack coder-30b -- "$@"
"""
    )


def test_it_is_the_users_alone_and_starts_the_fab_of_this_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    folder = write_shim("s")
    assert folder == write_shim("s") == tmp_path / "stacks/s" / SHIM_FOLDER
    assert [(file.name, file.stat().st_mode & 0o777) for file in folder.iterdir()] == [("aider", 0o700)]
    assert folder.stat().st_mode & 0o777 == 0o700
    fab = Path(sys.executable).with_name("fab")
    assert f"exec {fab} --search-root {ROOT} launch aider --stack s --" in (folder / "aider").read_text()


def test_words_pass_it_as_they_are(tmp_path: Path) -> None:
    fab = tmp_path / "fab"
    fab.write_text('#!/bin/sh\nprintf "%s|" "$DAYBOX_STATE" "$@"\n')
    fab.chmod(0o755)
    script = tmp_path / "aider"
    script.write_text(shim_text("s", fab, Path("/r"), Path("/st ate")))
    done = subprocess.run(["sh", str(script), "--message", "a  b", ""], capture_output=True, text=True, check=True)
    assert done.stdout == "/st ate|--search-root|/r|launch|aider|--stack|s|--|--message|a  b||"


def test_the_real_fab_takes_such_a_line(tmp_path: Path) -> None:
    """Up to where the box is asked for: there is none."""
    script = tmp_path / "aider"
    script.write_text(shim_text("no-such", Path(sys.executable).with_name("fab"), ROOT, tmp_path / "state"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PULUMI_BACKEND_URL": f"file://{tmp_path}"}
    done = subprocess.run(["sh", str(script), "--exit"], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode in (2, 3)  # Pulumi may not be installed where this runs
    assert "stacks/no-such: there is no such stack" in done.stderr or "pulumi" in done.stderr


@pytest.mark.parametrize("shell", [name for name in ("sh", "dash", "bash", "zsh") if shutil.which(name)])
def test_the_folder_is_first_on_path_once_however_often_it_is_evaluated(shell: str) -> None:
    lines = "\n".join([path_line("/a b/shims")] * 2 + [path_line("/c")] + [path_line("/a b/shims")] * 2)
    script = f'{lines}\nprintf "%s" "$PATH"'
    done = subprocess.run([shell, "-euc", script], env={"PATH": "/bin"}, capture_output=True, text=True, check=True)
    assert done.stdout == "/a b/shims:/c:/a b/shims:/bin"


def test_such_folders_are_taken_off_path_and_no_others() -> None:
    path = f"/x/{SHIM_FOLDER}:/home/u/.pyenv/shims::/bin:/y/{SHIM_FOLDER}/"
    assert without_shims(path) == "/home/u/.pyenv/shims::/bin"
