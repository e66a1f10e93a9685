"""A laptop that moves: let in again, its tunnel back by itself, and its box known to ssh by one name."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scripts.cloud.link import SERVICE, table_name
from tests.laptop import Laptop, wait_for

ELSEWHERE = "203.0.113.0/24"
HERE = "198.51.100.0/24"  # where the local cloud's laptops are
NOTICED_BY_SSH = 15  # seconds; what it takes without a doubt


@pytest.fixture(scope="module")
def tunnel(laptop: Laptop) -> Iterator[Laptop]:
    """Its tunnel is open, and closed afterwards."""
    laptop.must("fab tunnel")
    yield laptop
    laptop.must("fab tunnel.close")


@contextmanager
def shut_out(laptop: Laptop) -> Iterator[None]:
    """The firewall lets in people from elsewhere only; afterwards as before."""
    with laptop.settings_put_back():
        laptop.set(sshFrom=ELSEWHERE)
        laptop.up().ok()
        yield
    laptop.up().ok()


def allowed(laptop: Laptop, words: str) -> Any:
    """The JSON of a `fab allow`."""
    return json.loads(laptop.must(f"fab allow {words} --yes --json"))


def in_config(laptop: Laptop) -> str:
    """Who may knock, by the stack's file."""
    return laptop.must("pulumi config get -s local daybox:sshFrom").strip()


def test_who_may_knock_already_needs_nothing(laptop: Laptop) -> None:
    found = allowed(laptop, "")
    assert (found["seen_by"], found["changed"], found["reached"]) == ("the box", False, True)
    assert found["address"].startswith("198.51.100.")


def test_a_laptop_that_is_shut_out_is_told_the_command_and_by_it_let_in(laptop: Laptop) -> None:
    with shut_out(laptop):
        assert "if your address has changed: fab allow" in laptop.run("fab extend --minutes 0").failed()
        assert "say it: fab allow --ip YOUR.PUBLIC.ADDRESS" in laptop.run("fab allow --yes").failed()
        found = allowed(laptop, f"--ip {HERE}")
        assert (found["before"], found["after"], found["reached"]) == ([ELSEWHERE], [ELSEWHERE, HERE], True)
        laptop.must("fab ssh -- true")
        laptop.must("pulumi preview -s local --non-interactive --expect-no-changes")
        assert allowed(laptop, f"--ip {HERE} --only")["after"] == [HERE]
        assert in_config(laptop) == HERE


def test_if_the_cloud_refuses_config_and_firewall_are_as_before(laptop: Laptop) -> None:
    before = in_config(laptop)
    laptop.cloud.fault("server-error", "PUT", "^/v4/networking/firewalls/", times=None)
    try:
        failed = laptop.run("fab allow --ip 192.0.2.9 --yes").failed()
    finally:
        laptop.cloud.clear_faults()
    assert "sshFrom: `pulumi up` ended with" in failed and "the config is as before" in failed
    assert in_config(laptop) == before
    laptop.up().ok()
    laptop.must("fab ssh -- true")


def test_an_open_tunnel_still_tells_where_this_laptop_is(tunnel: Laptop) -> None:
    """A port that is closed ends no connection that is there."""
    with shut_out(tunnel):
        found = allowed(tunnel, "")
        assert (found["seen_by"], found["changed"], found["reached"]) == ("the box", True, True)
        assert found["after"] == [ELSEWHERE, f"{found['address']}/32"]


@contextmanager
def wire_cut(laptop: Laptop) -> Iterator[None]:
    """What goes to the box over the connections that are there now is lost without a word; new ones pass."""
    [box] = laptop.instances()
    chain = f"inet {table_name(box['id'])} to_box"
    words = ["ss", "-Htn", "state", "established", "dst", box["ipv4"][0]]
    lines = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    ports = {line.split()[2].rpartition(":")[2] for line in lines}
    assert ports, "there is no connection to cut"
    subprocess.run(["nft", f"insert rule {chain} tcp sport {{ {', '.join(ports)} }} drop"], check=True)
    try:
        yield
    finally:
        listed = subprocess.run(["nft", "-a", f"list chain {chain}"], capture_output=True, text=True, check=True).stdout
        [rule] = [line for line in listed.splitlines() if "tcp sport" in line]
        subprocess.run(["nft", f"delete rule {chain} handle {rule.split()[-1]}"], check=True)


def seconds_until_it_answers_again(laptop: Laptop) -> float:
    """The port is held meanwhile: whoever asks is told 503, or waits."""
    began = time.monotonic()
    wait_for(lambda: lives(laptop) > 1 and laptop.ask().status_code == 200)
    return time.monotonic() - began


def lives(laptop: Laptop) -> int:
    """How often the gateway's ssh came up."""
    return (laptop.state / "stacks/local/tunnel/gateway.log").read_text().count(" up: open")


def again(laptop: Laptop) -> Laptop:
    """The tunnel opened anew, with a log that has one life in it."""
    laptop.must("fab tunnel.close")
    laptop.must("fab tunnel")
    assert laptop.ask().status_code == 200
    return laptop


def test_a_tunnel_whose_connection_died_in_silence_comes_back(tunnel: Laptop) -> None:
    with wire_cut(again(tunnel)):
        took = seconds_until_it_answers_again(tunnel)
    print(f"a connection that died in silence: answers again after {took:.0f} s")
    assert took < 45


def test_a_tunnel_follows_its_laptop_into_another_network(tunnel: Laptop) -> None:
    """Another address of ours is used for the box from now on; whatever went over the old one is lost."""
    [box] = again(tunnel).instances()
    link = f"ve-dbx{box['id']}"
    network = box["ipv4"][0].rpartition(".")[0] + f".{int(box['ipv4'][0].rpartition('.')[2]) - 2}/30"
    old = subprocess.run(["ip", "route", "show", network], capture_output=True, text=True, check=True).stdout.split()
    with wire_cut(tunnel):
        subprocess.run(["ip", "address", "add", f"{SERVICE}/32", "dev", link], check=True)
        try:
            subprocess.run(["ip", "route", "replace", network, "dev", link, "src", SERVICE], check=True)
            took = seconds_until_it_answers_again(tunnel)
            assert "is in another network" in (tunnel.state / "stacks/local/tunnel/gateway.log").read_text()
        finally:
            subprocess.run(["ip", "route", "replace", *old], check=True)
            subprocess.run(["ip", "address", "delete", f"{SERVICE}/32", "dev", link], check=True)
    print(f"another network: answers again after {took:.0f} s")
    assert took < NOTICED_BY_SSH


def test_ssh_finds_the_box_by_the_stacks_name_and_forgets_it_again(laptop: Laptop, tmp_path: Path) -> None:
    own, kept = tmp_path / ".ssh/config", "Host *\n  ProxyJump nowhere\n"
    own.parent.mkdir()
    own.write_text(kept)
    laptop.must(f"HOME={tmp_path} fab ssh.config --install")
    words = ["ssh", "-F", str(own), "daybox-local", "cat /etc/hostname"]
    there = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert there == laptop.on_box("cat /etc/hostname")
    assert "nothing to do" in laptop.must(f"HOME={tmp_path} fab ssh.config --install")
    laptop.must(f"HOME={tmp_path} fab ssh.config --remove")
    assert own.read_text() == kept
