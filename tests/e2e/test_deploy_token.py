"""Where the deploy token goes, and where it never does. On a Linode stack, rented from the local cloud.

It is kept by a program that tells it, so nothing of daybox has it in its environment from the shell on.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from stacks.account import NEEDED_SCOPES
from tests.laptop import Done, Laptop, linode_settings, new_laptop
from tests.leaks import command_lines, files_with, holds
from tests.validation import faults_of, schema_of

OWN_TOKEN = secrets.token_hex(32)  # of the box, where the deploy token cannot make one
DEPLOY_TOKEN = secrets.token_hex(32)  # of the account, as a real one: whoever finds it anywhere has found a leak


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Stack coder-32b on the local cloud: it boots and is armed; image and driver are not to be had here."""
    vault = tmp_path_factory.mktemp("vault") / "token"
    vault.write_text(f"{DEPLOY_TOKEN}\nuser: me\n")
    made = new_laptop(tmp_path_factory.mktemp("token"), stack="coder-32b", LINODE_TOKEN=f"command: cat {vault}")
    made.cloud.add_token(DEPLOY_TOKEN, "*")
    try:
        made.set(**linode_settings(made.cloud))
        yield made
        made.destroy()
    finally:
        made.cloud.stop()


@dataclass(frozen=True)
class Rented:
    """The first `up`: what it said, as loud as it can, what stood on command lines meanwhile, what it asked for."""

    up: Done
    lines: set[bytes]
    asked: list[dict[str, Any]]


@pytest.fixture(scope="module")
def rented(laptop: Laptop) -> Rented:
    """The box is there and armed."""
    with command_lines() as lines:
        return Rented(laptop.up("--debug").ok(), lines, laptop.cloud.requests("POST"))


def test_what_up_asks_for_passes_linodes_own_validation(rented: Rented) -> None:
    sent = [entry for entry in rented.asked if schema_of(entry)]
    assert {entry["path"].rpartition("/")[2] for entry in sent} == {"instances", "firewalls", "tokens"}
    assert faults_of(sent) == []


def test_the_deploy_token_stands_on_no_command_line_and_in_no_output(rented: Rented) -> None:
    """Invariant 8."""
    assert rented.lines and not any(holds(line, [DEPLOY_TOKEN]) for line in rented.lines)
    assert DEPLOY_TOKEN not in rented.up.out + rented.up.err


def test_the_deploy_token_is_written_down_nowhere_on_the_laptop(laptop: Laptop, rented: Rented) -> None:
    """State, history, plugins, ledger, checkout. The folder `cloud` is the account itself."""
    places = [place for place in laptop.state.iterdir() if place.name != "cloud"]
    assert not files_with([DEPLOY_TOKEN], laptop.root, *places)
    assert DEPLOY_TOKEN not in (laptop.cloud.folder / "log").read_text()


@pytest.mark.parametrize("command", ["status --json", "cost", "sweep --json", "fit coder-32b", "tunnel.status"])
def test_no_command_shows_the_deploy_token(laptop: Laptop, rented: Rented, command: str) -> None:
    done = laptop.run(f"fab {command}", DAYBOX_DEBUG="1")
    assert done.out + done.err and DEPLOY_TOKEN not in done.out + done.err


def test_commands_ask_the_account_with_what_the_program_tells(laptop: Laptop, rented: Rented) -> None:
    [row] = [row for row in json.loads(laptop.must("fab status --json")) if row["stack"] == "coder-32b"]
    assert (row["state"], row["box"]["id"]) == ("up", laptop.instances()[0]["id"])


def test_the_deploy_token_never_reaches_the_box(laptop: Laptop, rented: Rented) -> None:
    files = "/etc /opt /root /home /tmp /run /var/lib/cloud /var/lib/daybox /var/log"
    processes = "/proc/[0-9]*/environ /proc/[0-9]*/cmdline"
    assert laptop.on_box(f"grep -rlsF -f - {files} {processes}; true", stdin=DEPLOY_TOKEN) == ""


def test_a_deploy_token_that_can_make_no_token_arms_with_the_one_in_the_config(laptop: Laptop) -> None:
    laptop.destroy().ok()
    laptop.cloud.add_token("weak", " ".join(NEEDED_SCOPES))
    laptop.cloud.add_token(OWN_TOKEN, "linodes:read_write")
    with laptop.settings_put_back():
        laptop.must(f"pulumi config set -s coder-32b --secret daybox:boxToken {OWN_TOKEN}")
        laptop.run("pulumi up -s coder-32b --yes --non-interactive", LINODE_TOKEN="weak").ok()
        assert laptop.on_box("cat /etc/daybox/token").strip() == OWN_TOKEN
        assert not files_with([OWN_TOKEN], laptop.root, laptop.state / "pulumi")
        laptop.run("pulumi destroy -s coder-32b --yes --non-interactive", LINODE_TOKEN="weak").ok()
