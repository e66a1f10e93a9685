"""old_bundle: what is replaced comes back as it was, content, mode and order; what was never there is left alone."""

import subprocess
from pathlib import Path

import pytest

from playbooks import old_bundle
from playbooks.converge import Changes, activate
from playbooks.old_bundle import keep_command, keep_old, put_back, put_back_command
from stacks.errors import BoxError
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import PretendBox


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two files and one that is not there."""
    program, stamp, absent = (tmp_path / "on box" / name for name in ("program", "stamp", "new"))
    program.parent.mkdir()
    program.write_text("old")
    program.chmod(0o755)
    stamp.write_text("1")
    return program, stamp, absent


def sh(command: str) -> None:
    """Run it as the box's shell does."""
    subprocess.run(["sh", "-c", command], check=True)


def test_what_was_kept_comes_back_as_it_was(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    program, stamp, absent = files
    kept = f"{tmp_path}/kept.tar"
    sh(keep_command(map(str, files), kept))
    for file in files:
        file.write_text("new")
    program.chmod(0o600)
    sh(put_back_command(Changes(), kept))
    assert (program.read_text(), program.stat().st_mode & 0o777, stamp.read_text()) == ("old", 0o755, "1")
    assert absent.read_text() == "new"  # nobody reads it: what would is as before


def test_they_come_back_in_the_order_in_which_they_were_named(files: tuple[Path, Path, Path], tmp_path: Path) -> None:
    kept = f"{tmp_path}/kept.tar"
    sh(keep_command(map(str, files), kept))
    listed = subprocess.run(["tar", "-tf", kept], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [name.rpartition("/")[2] for name in listed] == ["program", "stamp"]


def test_what_reads_them_begins_again_once_all_are_back() -> None:
    changes = Changes(("/opt/daybox/compose.yaml",), ("vllm", "ready"))
    assert put_back_command(changes) == f"set -e; tar -xpf {old_bundle.KEPT} -C /; {activate(changes)}"


def test_nothing_may_be_replaced_that_could_not_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(old_bundle.keep_command, "__defaults__", ("/nowhere/kept.tar",))
    with own_sshd(tmp_path / "sshd") as running, pytest.raises(BoxError) as caught:
        keep_old(PretendBox(tmp_path / "box", running).target(), ["/etc/hostname"])
    assert "the files of now could not be kept" in caught.value.fact
    assert caught.value.hint.endswith("nothing is changed")


def test_a_kept_file_that_is_lost_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(old_bundle.put_back_command, "__defaults__", ("/nowhere/kept.tar",))
    with own_sshd(tmp_path / "sshd") as running, pytest.raises(BoxError, match="could not be put in place"):
        put_back(PretendBox(tmp_path / "box", running).target(), Changes())
