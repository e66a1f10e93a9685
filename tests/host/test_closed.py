"""What a stranger meets: one port, and behind it no password; and what a program on the box can read."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from testinfra.host import Host

from tests.host.facts import Facts

# What people and packages leave open, beside what the box itself listens on. 2375, 2376: Docker. 8000: vLLM.
USUAL = (21, 23, 25, 53, 80, 111, 443, 2375, 2376, 3000, 5000, 5432, 6379, 8000, 8001, 8080, 8265, 8443, 8888, 9090)
SSH = 22


def answers(address: str, port: int) -> bool:
    """Whether a connection from this laptop is taken."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def test_from_outside_only_ssh_answers(host: Host, facts: Facts) -> None:
    lines = host.check_output("ss --no-header --tcp --listening --numeric").splitlines()
    ports = sorted({SSH, *USUAL, *(int(line.split()[3].rsplit(":", 1)[1]) for line in lines)})
    with ThreadPoolExecutor(len(ports)) as pool:
        found = pool.map(lambda port: answers(facts.address, port), ports)
    assert [port for port, open_ in zip(ports, found, strict=True) if open_] == [SSH]


@pytest.mark.parametrize("option", ["passwordauthentication", "kbdinteractiveauthentication", "permitemptypasswords"])
def test_ssh_takes_no_password(host: Host, option: str) -> None:
    assert host.check_output(f"sshd -T | grep '^{option} '") == f"{option} no"


def test_nobody_has_a_password(host: Host) -> None:
    """A second line of entries beginning with `$` or `_` would be hashes."""
    entries = [line.split(":")[1] for line in host.file("/etc/shadow").content_string.splitlines()]
    assert [entry for entry in entries if entry.startswith(("$", "_"))] == []


def test_the_box_answers_with_the_pinned_key(host: Host, facts: Facts) -> None:
    own = host.file("/etc/ssh/ssh_host_ed25519_key.pub").content_string.split()
    assert own[:2] == facts.box["host_key"].split()[:2]


def test_only_root_reads(host: Host, secret_file: str) -> None:
    file = host.file(secret_file)
    assert (file.user, file.mode) == ("root", 0o600)


def test_the_folder_of_the_secrets_is_closed(host: Host) -> None:
    folder = host.file("/etc/daybox")
    assert (folder.user, folder.mode) == ("root", 0o700)


def test_no_secret_is_in_an_argument_of_a_process(host: Host, secret_file: str) -> None:
    found = host.run(f"cat /proc/[0-9]*/cmdline 2>/dev/null | grep --quiet --text -F -f {secret_file}")
    assert found.rc == 1


def test_no_secret_is_in_the_journal(host: Host, secret_file: str) -> None:
    assert host.run(f"journalctl --no-pager | grep --quiet --text -F -f {secret_file}").rc == 1
