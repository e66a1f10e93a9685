"""fab allow: who may knock afterwards; and that nothing half done stays.

Pulumi is a stand-in here; the real one, with a firewall that holds, is met in tests/e2e/one_box.
"""

from pathlib import Path
from typing import Any

import pytest

from playbooks import questions, stack_config
from playbooks.allow import (
    check_agreed,
    check_family,
    check_listed,
    networks_after,
    one_network,
    open_to,
    row,
    sentence,
    unreached,
)
from playbooks.whereabouts import Seen
from stacks.errors import BoxError, CloudError, UsageError
from stacks.values import networks
from tests.playbooks.pretend_box import BOX
from tests.playbooks.pretend_pulumi import calls as calls

HOME, OFFICE = "203.0.113.7/32", "198.51.100.0/24"


@pytest.mark.parametrize(
    ("before", "network", "only", "after"),
    [
        ([HOME], "192.0.2.9/32", False, (HOME, "192.0.2.9/32")),
        ([HOME], "192.0.2.9/32", True, ("192.0.2.9/32",)),
        ([HOME, OFFICE], "198.51.100.9/32", False, (HOME, OFFICE)),
        ([HOME, OFFICE], "198.51.100.9/32", True, ("198.51.100.9/32",)),
        ([HOME], HOME, False, (HOME,)),
        ([HOME], "2001:db8::7/128", False, (HOME, "2001:db8::7/128")),
        (["2001:db8::/32"], "2001:db8::7/128", False, ("2001:db8::/32",)),
    ],
)
def test_who_may_knock_afterwards(before: list[str], network: str, only: bool, after: tuple[str, ...]) -> None:
    assert networks_after(before, network, only=only) == after


def test_two_halves_of_the_world_are_the_whole() -> None:
    with pytest.raises(UsageError, match="whole world"):
        networks_after(["0.0.0.0/1"], "128.0.0.0/1", only=False)
    with pytest.raises(ValueError, match="whole world"):
        networks("::/1, 8000::/1")


@pytest.mark.parametrize(("text", "network"), [("203.0.113.7", HOME), ("2001:db8::7", "2001:db8::7/128"), (HOME, HOME)])
def test_an_address_is_its_own_network(text: str, network: str) -> None:
    assert one_network(text) == network


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("0.0.0.0/0", "whole world"),
        ("::/0", "whole world"),
        ("203.0.113.7/24", "has host bits set"),
        ("home", "does not appear to be"),
        ("203.0.113.7,203.0.113.8", "more than one network"),
        ("192.168.1.5", "is not public"),
        ("10.1.0.0/16", "is not public"),
        ("100.64.0.9", "is not public"),
        ("127.0.0.1", "is not public"),
        ("fd00::1", "is not public"),
        ("::ffff:10.0.0.1", "is not public"),
        ("0.0.0.0", "is not public"),
        ("224.0.0.1", "is not public"),
        ("255.255.255.255", "is not public"),
        ("ff02::1", "is not public"),
        ("0.0.0.0/1", "a large part of the world"),
        ("8.0.0.0/7", "a large part of the world"),
        ("2000::/3", "a large part of the world"),
    ],
)
def test_what_no_firewall_should_be_told_is_refused_with_a_way_out(text: str, fact: str) -> None:
    with pytest.raises(UsageError) as caught:
        one_network(text)
    assert fact in caught.value.fact and caught.value.fact.startswith("--ip: ")
    assert caught.value.hint


def test_nobody_locks_himself_out_with_an_address_of_the_other_family() -> None:
    check_family(BOX, HOME)
    with pytest.raises(UsageError) as caught:
        check_family(BOX, "2001:db8::7/128")
    assert caught.value.line() == (
        f"--only: with 2001:db8::7/128 alone nobody reaches the box, which has the IPv4 address {BOX.address};"
        " say the IPv4 address that your router or VPN has: --ip ADDRESS --only"
    )


def agreed(**options: bool) -> None:
    """Old and new shown, and asked."""
    wanted = {"consent": True, "can_ask": True} | options
    check_agreed(BOX, [HOME], [HOME, "192.0.2.9/32"], Seen("192.0.2.9", "the box"), **wanted)


def test_old_and_new_are_shown_and_nobody_there_is_no_yes() -> None:
    with pytest.raises(UsageError) as caught:
        agreed()
    assert caught.value.line() == (
        "fab allow: local: port 22 from 203.0.113.7/32 -> 203.0.113.7/32, 192.0.2.9/32 (192.0.2.9, says the box);"
        " nobody is here to be asked: say --yes"
    )


def test_with_yes_nobody_is_asked() -> None:
    agreed(consent=False)


@pytest.mark.parametrize(("answer", "agrees"), [("y", True), ("", False), ("no", False)])
def test_only_a_yes_is_one(answer: str, agrees: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "on_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    if agrees:
        agreed()
    else:
        with pytest.raises(UsageError, match="nothing is changed"):
            agreed()


class Listing:
    """An account that lists these boxes."""

    def __init__(self, *ids: int) -> None:
        self.ids = ids

    def instances(self) -> list[Any]:
        return [type("Row", (), {"id": number}) for number in self.ids]


def test_a_box_that_the_account_does_not_list_needs_no_door() -> None:
    check_listed(BOX, Listing(1, BOX.instance_id))
    with pytest.raises(BoxError, match="does not list it"):
        check_listed(BOX, Listing(1))


@pytest.fixture
def before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_config, "own_text", lambda stack, key: HOME)


def test_config_and_firewall_are_changed_and_nothing_else(before: None, calls: Path) -> None:
    open_to("local", [HOME, OFFICE], show=False)
    config, up = calls.read_text().splitlines()
    assert config == f"config set-all -s local --plaintext daybox:sshFrom={HOME},{OFFICE}"
    assert up == "up -s local --yes --skip-preview --target **linode:index/firewall:Firewall::firewall"


def test_an_up_that_fails_leaves_the_config_as_it_was(before: None, calls: Path, tmp_path: Path) -> None:
    (tmp_path / "up-status").write_text("255")
    with pytest.raises(CloudError, match="sshFrom: `pulumi up` ended with 255; the config is as before"):
        open_to("local", [OFFICE], show=False)
    assert calls.read_text().splitlines()[-1] == f"config set-all -s local --plaintext daybox:sshFrom={HOME}"


def test_what_was_done_is_told_to_people_and_programs() -> None:
    assert sentence(BOX, HOME, changed=True) == "local: 203.0.113.7/32 may reach port 22"
    assert sentence(BOX, HOME, changed=False) == "local: 203.0.113.7/32 may reach port 22 already; nothing to do"
    assert row(BOX, Seen("203.0.113.7", "you"), [OFFICE], [OFFICE, HOME], reached=True) == {
        "stack": "local",
        "address": "203.0.113.7",
        "seen_by": "you",
        "before": [OFFICE],
        "after": [OFFICE, HOME],
        "changed": True,
        "reached": True,
    }


@pytest.mark.parametrize(("changed", "told"), [(True, "the firewall lets"), (False, "stacks/local/sshFrom lets")])
def test_a_silent_box_is_told_by_what_is_known_of_its_firewall(changed: bool, told: str) -> None:
    """Where nothing was changed only the config was read, and the last `pulumi up` may be older than it."""
    error = unreached(BOX, HOME, changed=changed)
    assert f"{told} {HOME} in" in error.fact
    assert ("pulumi up -s local" in error.hint) is not changed
