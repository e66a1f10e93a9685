"""Invariant 8 on a box that is at work: no secret occurs outside its own 0600 file or ciphertext."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.one_box.conftest import PLANTED, WEBHOOK
from tests.laptop import Laptop
from tests.leaks import files_with, holds, processes, shown

# Each prints a line wherever the secret in {path} occurs; the path is on the command line, the secret never.
PROBES = {
    "files": "grep -rlsF -f {path} /etc /opt /root /home /tmp /run /var/lib/daybox /var/lib/cloud /var/log"
    " | grep -vx {path}",
    "journal": "journalctl --no-pager | grep -oF -f {path}",
    "inspect": "docker inspect vllm | grep -oF -f {path}",
    "docker logs": "docker logs vllm 2>&1 | grep -oF -f {path}",
    "argv": "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -oF -f {path}",
    "units": "systemctl show '*' --property=Environment,ExecStart | grep -oF -f {path}",
}


@pytest.mark.parametrize("path", ["/etc/daybox/token", "/etc/daybox/vllm-key"])
@pytest.mark.parametrize("probe", PROBES.values(), ids=PROBES)
def test_no_secret_of_the_box_stands_anywhere_else(laptop: Laptop, repository: Path, path: str, probe: str) -> None:
    assert laptop.on_box(f"stat -c %a {path}").strip() == "600"
    source = probe.rpartition(" | ")[0].format(path=path)
    assert laptop.on_box(f"{source} | head -c 1; true") or probe == PROBES["files"], "there is nothing to search in"
    assert laptop.on_box(f"{probe.format(path=path)}; true") == ""


def test_the_search_for_secrets_finds_one_that_is_planted(laptop: Laptop, repository: Path) -> None:
    """Else the test above could not fail."""
    search = PROBES["files"].format(path="/etc/daybox/token")
    planted = laptop.on_box(f"cp /etc/daybox/token /root/planted; {search}; true")
    laptop.on_box("rm /root/planted")
    assert "/root/planted" in planted


def test_where_the_box_says_that_it_ends_is_as_secret_as_a_token(laptop: Laptop) -> None:
    found = laptop.on_box("grep -rlsF -f - /etc /opt /root /home /run /var/lib/daybox /var/log; true", stdin=WEBHOOK)
    assert found == "/etc/daybox/notices.json\n"
    assert laptop.on_box("stat -c %a /etc/daybox/notices.json").strip() == "600"
    places = [place for place in laptop.state.iterdir() if place.name != "cloud"]  # that is the box itself
    assert not files_with([WEBHOOK], laptop.root, *places)


def test_the_cloud_logs_no_token(laptop: Laptop) -> None:
    assert laptop.on_box("cat /etc/daybox/token").strip() not in (laptop.cloud.folder / "log").read_text()


def test_no_secret_stands_in_clear_in_pulumis_own_files(laptop: Laptop) -> None:
    """State, history, backups, plugin folders: the box's token, the first host key, the passphrase."""
    token = laptop.on_box("cat /etc/daybox/token").strip()
    first_key = (laptop.state / "stacks/local/first_ed25519").read_text().splitlines()[2]
    passphrase = (laptop.state / "passphrase").read_text().strip()
    assert not files_with([token, first_key, passphrase], laptop.state / "pulumi", laptop.state / "pulumi-home")


@pytest.mark.parametrize(
    "path", ["passphrase", "stacks/local/first_ed25519", "stacks/local/login_ed25519", "stacks/local/box_key"]
)
def test_only_you_can_read_a_secret_of_this_laptop(laptop: Laptop, repository: Path, path: str) -> None:
    assert (laptop.state / path).stat().st_mode & 0o077 == 0


def test_what_keeps_the_tunnel_inherits_no_token(laptop: Laptop, repository: Path) -> None:
    """The gateway and its ssh were started from a shell that has them."""
    keepers = [*processes("playbooks.gateway"), *processes(str(laptop.state / "stacks/local/ssh_config"))]
    assert len(keepers) >= 2
    assert not [keeper for keeper in keepers if holds(shown(keeper, "environ"), PLANTED.values())]


@pytest.mark.parametrize("command", ["ssh -- true", "logs --of bootstrap", "bootstrap", "status", "verify"])
def test_no_ssh_inherits_a_token(laptop: Laptop, repository: Path, tmp_path: Path, command: str) -> None:
    """Each ssh tells its environment first, and then is ssh."""
    wrapped = tmp_path / "ssh"
    wrapped.write_text(f'#!/bin/sh\nenv -0 >>{tmp_path}/told\nexec {shutil.which("ssh")} "$@"\n')
    wrapped.chmod(0o755)
    laptop.run(f"export PATH={tmp_path}:$PATH; fab {command}").ok()
    told = (tmp_path / "told").read_bytes()
    assert b"HOME=" in told
    assert not holds(told, PLANTED.values())


def test_no_token_of_the_shell_is_written_down(laptop: Laptop, repository: Path) -> None:
    assert not files_with(list(PLANTED.values()), laptop.state, laptop.root, repository)
