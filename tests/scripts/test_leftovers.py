"""The proof that nothing is left must find what is left."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import leftovers


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


def test_no_mount_and_no_link_is_there_without_a_cloud() -> None:
    assert (leftovers.mounts(), leftovers.links([12345678])) == ([], [])
