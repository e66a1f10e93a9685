"""The proof that nothing is left must find what is left."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import leftovers
from stacks.account import Account
from tests.cloud import TOKEN, start_cloud


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


def test_a_port_somebody_listens_on_is_found_and_a_free_one_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert leftovers.ports([port]) == [f"port {port}"]
    assert leftovers.ports([port]) == []


def test_a_helper_of_pulumi_in_this_state_is_found_until_it_ends(state: Path) -> None:
    words = [sys.executable, "-c", "print('.', flush=True); input()", "pulumi.dynamic"]
    with subprocess.Popen(
        words, env=os.environ | {"DAYBOX_STATE": str(state)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as helper:
        assert helper.stdout and helper.stdout.readline()
        assert [found.split(":")[0] for found in leftovers.processes("local")] == [f"process {helper.pid}"]
        helper.communicate("\n")
    assert leftovers.processes("local") == []


def test_a_helper_of_another_state_is_none_of_our_business(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "print('.', flush=True); input()", "pulumi.dynamic"]
    with subprocess.Popen(
        words, env={"DAYBOX_STATE": "/elsewhere"}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as helper:
        assert helper.stdout and helper.stdout.readline()
        assert leftovers.processes("local") == []
        helper.communicate("\n")


def test_helpers_of_a_killed_pulumi_are_ended_and_those_of_another_state_are_not(state: Path) -> None:
    words = [sys.executable, "-c", "print('.', flush=True); input()", "pulumi-language-python"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(words, env=os.environ | {"DAYBOX_STATE": str(state)}, stdin=pipe, stdout=pipe) as ours,
        subprocess.Popen(words, env=os.environ | {"DAYBOX_STATE": "/elsewhere"}, stdin=pipe, stdout=pipe) as theirs,
    ):
        assert ours.stdout and ours.stdout.readline() and theirs.stdout and theirs.stdout.readline()
        leftovers.end_helpers()
        assert ours.wait(10) == -signal.SIGKILL
        assert theirs.poll() is None
        theirs.communicate(b"\n")


def test_what_the_account_lists_is_found(tmp_path: Path) -> None:
    cloud = start_cloud(tmp_path)
    try:
        account = Account(cloud.url, TOKEN)
        assert leftovers.in_account(account) == []
        made = cloud.create("daybox-left")
        assert leftovers.in_account(account) == [f"box {made['id']} daybox-left"]
    finally:
        cloud.stop()


def test_a_mount_of_the_local_cloud_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Linux has one below /dev, which stands for the cloud's folder here."""
    monkeypatch.setattr(leftovers, "cloud_dir", lambda: Path("/dev"))
    assert any(found.startswith("mount /dev/") for found in leftovers.mounts())


def test_a_link_of_a_box_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = tmp_path / "ip"
    shown.write_text("""#!/bin/sh\necho '[{"ifname": "lo"}, {"ifname": "ve-dbx7"}]'\n""")
    shown.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert leftovers.links([6, 7]) == ["link ve-dbx7"]


def test_no_mount_and_no_link_is_there_without_a_cloud() -> None:
    assert (leftovers.mounts(), leftovers.links([12345678])) == ([], [])
