"""The real Pulumi engine against the API double, where no box has to boot: previews, refusals, Ctrl-C.

What goes wrong by itself is in the fault matrix, tests/e2e/faults.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cloud import TOKEN
from tests.laptop import Laptop, all_said, another_laptop, linode_settings, new_laptop, wait_for
from tests.shipped import STACKS

CREATE = "^/v4/linode/instances$"


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """A fresh checkout whose cloud keeps records only; arming, which needs a box, gives up at once."""
    impatient = {"DAYBOX_ARM_SECONDS": "1", "DAYBOX_LANDING_SECONDS": "5"}
    made = new_laptop(tmp_path_factory.mktemp("paper"), boxes=False, LINODE_TOKEN=TOKEN, **impatient)
    yield made
    made.cloud.stop()
    made.end_orphans()


@pytest.fixture(autouse=True)
def _nothing_wrong(laptop: Laptop) -> Iterator[None]:
    laptop.stack = "local"
    yield
    laptop.cloud.clear_faults()


@pytest.mark.parametrize("stack", STACKS)
def test_every_shipped_stack_previews_five_resources(laptop: Laptop, stack: str) -> None:
    laptop.stack = stack
    if stack != "local":
        laptop.set(**linode_settings(laptop.cloud))
    digest = json.loads(laptop.must(f"pulumi preview -s {stack} --json --non-interactive"))
    made = [step["urn"].rsplit("::", 1)[1] for step in digest["steps"] if step["op"] == "create"]
    assert {"token", "firewall", "receipt", "box", "watchdog"} <= set(made)
    assert laptop.instances() == []


@pytest.mark.parametrize(
    ("key", "value", "fact"),
    [
        ("model", "qwen-33b", "stacks/coder-32b/model: 'qwen-33b' is not in the catalog; choose from: qwen"),
        ("plan", "g2-gpu-rtx4000a1-s", "which leaves no room for a cache on g2-gpu-rtx4000a1-s"),
        ("context", "65536", "65536 tokens are more than the 32768 that qwen2.5-coder-32b was made for"),
        ("region", "us-orf", "stacks/coder-32b/region: 'us-orf' is no region; choose from: us-ord"),
        ("vllmArgs", "x --trust-remote-code", "stacks/coder-32b/vllmArgs: 'x' belongs to no flag"),
        ("sshFrom", "", "stacks/coder-32b/sshFrom: is empty, so nobody could reach the box"),
        ("colour", "red", "stacks/coder-32b/colour: is no setting of daybox"),
    ],
)
def test_bad_settings_stop_before_anything_is_created(laptop: Laptop, key: str, value: str, fact: str) -> None:
    laptop.stack = "coder-32b"
    with laptop.settings_put_back():
        laptop.set(**linode_settings(laptop.cloud) | {key: value})
        said = laptop.up().failed()
    assert fact in said
    assert laptop.cloud.json("GET", "/networking/firewalls")["data"] == []


@pytest.mark.parametrize(
    ("token", "scopes", "expiry", "fact"),
    [
        ("refused", "", "", "make a new one in the Cloud Manager and export LINODE_TOKEN"),
        ("expired", "*", "2026-01-01T00:00:00", "make a new one in the Cloud Manager and export LINODE_TOKEN"),
        ("no-firewall", "linodes:read_write events:read_only", "", "LINODE_TOKEN: lacks the scope firewall:read_write"),
        (
            "no-account",
            "linodes:read_write firewall:read_write events:read_only",
            "",
            "lacks the scope account:read_write",
        ),
    ],
)
def test_a_token_that_cannot_end_a_box_cannot_rent_one(
    laptop: Laptop, token: str, scopes: str, expiry: str, fact: str
) -> None:
    laptop.stack = "coder-32b"
    laptop.set(**linode_settings(laptop.cloud))
    if scopes:
        laptop.cloud.add_token(token, scopes, expiry=expiry)
    said = laptop.run("pulumi up -s coder-32b --yes --non-interactive", LINODE_TOKEN=token).failed()
    assert fact in said
    assert laptop.instances() == []


def test_a_token_that_linode_cli_keeps_will_do(laptop: Laptop, tmp_path: Path) -> None:
    kept = tmp_path / "linode-cli"
    kept.write_text(f"[DEFAULT]\ndefault-user = me\n[me]\ntoken = {TOKEN}\n")
    kept.chmod(0o600)
    laptop.stack = "coder-32b"
    laptop.set(**linode_settings(laptop.cloud))
    line = "pulumi preview -s coder-32b --json --non-interactive"
    laptop.run(line, LINODE_TOKEN="", LINODE_CLI_CONFIG=str(kept)).ok()
    kept.chmod(0o644)
    assert (
        "holds a token, and others may read it"
        in laptop.run(line, LINODE_TOKEN="", LINODE_CLI_CONFIG=str(kept)).failed()
    )


def test_a_pulumi_whose_provider_would_have_no_token_stops_and_names_the_one_that_has(laptop: Laptop) -> None:
    laptop.stack = "coder-32b"
    laptop.set(**linode_settings(laptop.cloud))
    line = "PATH=${PATH#*scripts/bin:} pulumi preview -s coder-32b --non-interactive"
    said = laptop.run(line, LINODE_TOKEN=f"command: echo {TOKEN}").failed()
    assert "is not the token that daybox found" in said
    assert "source scripts/env: its pulumi asks for it where you keep it" in said


def test_a_box_that_cannot_be_armed_is_given_back_and_up_fails(laptop: Laptop) -> None:
    said = laptop.up().failed()
    assert "was given back because nothing could have stopped it" in said
    assert laptop.instances() == []
    receipt = laptop.destroy().ok().out
    assert "the account lists nothing of it" in receipt


def test_the_receipt_says_of_each_box_what_it_cost_why_it_ended_and_what_proves_it(laptop: Laptop) -> None:
    laptop.up().failed()
    [gone] = laptop.cloud.json("GET", "/account/events", X_Filter='{"action": "linode_delete"}')["data"][-1:]
    receipt, number = laptop.destroy().ok().out, gone["entity"]["id"]
    assert re.search(rf"box {number}: \S+ \S+ to {gone['created'].replace('T', ' ')} UTC, 1 h, \$0\.10", receipt)
    assert "why it ended: given back by `up`: it could not be armed" in receipt
    assert f"event {gone['id']} deleted box {number}" in receipt
    [bill] = [row for row in json.loads(laptop.must("fab cost --json"))["leases"] if number in ids_of(row)]
    assert (bill["state"], bill["usd"]) == ("closed", 0.1)


def ids_of(bill: dict[str, Any]) -> list[int]:
    """The boxes of one bill of `fab cost --json`."""
    return [box["id"] for box in bill["boxes"]]


def test_a_month_that_is_spent_rents_nothing_and_names_who_spent_it(laptop: Laptop) -> None:
    laptop.up().failed()  # it began an hour, and was given back
    laptop.destroy().ok()
    asked = len(laptop.cloud.requests("POST", "/linode/instances"))
    with laptop.settings_put_back():
        laptop.set(monthBudgetUsd="0.15")
        said = laptop.up().failed()
    assert "stacks/local/monthBudgetUsd: of $0.15 for " in said
    assert re.search(r"is spent or may still be: local \d{8}t\d{6}z-[0-9a-f]{4} \$0\.10", said)
    assert len(laptop.cloud.requests("POST", "/linode/instances")) == asked


def test_no_capacity_names_other_regions_and_the_line_that_goes_there_does(laptop: Laptop) -> None:
    """Only the create call knows: the plan was listed as available."""
    laptop.stack = "coder-7b"
    laptop.set(**linode_settings(laptop.cloud))
    laptop.cloud.fault("no-capacity", "POST", CREATE, times=None)
    said = laptop.up().failed()
    assert "[403]" in said
    assert laptop.instances() == []
    assert "us-ord gave no g2-gpu-rtx4000a1-s, it says 403; unless its own words are about something else: " in said
    line = re.search(r"(pulumi config set \S+ \S+ \S+ \S+) \(also fr-par", said)
    assert line, said
    laptop.cloud.clear_faults()
    with laptop.settings_put_back():
        laptop.must(line[1])
        assert "was given back because nothing could have stopped it" in laptop.up().failed()  # it was rented
        assert laptop.cloud.requests("POST", "/linode/instances")[-1]["body"]["region"] == "us-sea"
        laptop.destroy().ok()


def test_preview_says_price_longest_cost_and_fit_in_one_line(laptop: Laptop) -> None:
    laptop.stack = "coder-30b"
    laptop.set(**linode_settings(laptop.cloud))
    host = laptop.cloud.url.removeprefix("http://")
    said = laptop.must("pulumi preview -s coder-30b --non-interactive")
    line = next(line for line in said.splitlines() if "at most" in line)
    assert f"g2-gpu-rtx4000a2-s in us-ord: $1.05/h ({host} 20" in line
    assert "at most $11.55 in 11 begun hours, until 20" in line
    assert "weights 14.5 + cache 1.5 + overhead 1.7 of 18.4 GiB a card, 0.7 free" in line


def test_force_goes_on_although_it_cannot_fit_and_says_so(laptop: Laptop) -> None:
    laptop.stack = "coder-30b"
    with laptop.settings_put_back():
        laptop.set(**linode_settings(laptop.cloud), context="65536")
        assert "65536 tokens are more than the 48" in laptop.run("pulumi preview -s coder-30b").failed()
        laptop.set(force="true")
        assert "DOES NOT FIT: 65536 tokens" in laptop.must("pulumi preview -s coder-30b --non-interactive")


def test_a_stack_made_with_flags_only_goes_through_preview(laptop: Laptop) -> None:
    flags = "--cloud local --purpose careful --ssh-from 203.0.113.7/32 --budget-usd 9 --yes"
    made = laptop.run(f"fab new --name my-coder {flags}").ok()
    assert "stacks/Pulumi.my-coder.yaml: written; qwen3.8-27b with 32768 tokens" in made.err
    assert "at most $8.40 in 8 begun hours" in made.out
    assert "next: source scripts/env my-coder, then pulumi up -s my-coder" in made.err
    assert laptop.instances() == []
    laptop.stack = "my-coder"
    assert json.loads(laptop.must("fab fit my-coder --json"))["faults"] == []
    assert "my-coder" in {row["name"] for row in json.loads(laptop.must("pulumi stack ls --json"))}


def test_a_stack_whose_preview_fails_is_written_and_the_command_fails(laptop: Laptop) -> None:
    laptop.cloud.fault("expired-token", path="/v4/profile", times=None)
    failed = laptop.run("fab new --name other --cloud local --purpose edit --ssh-from 203.0.113.7/32 --yes")
    assert failed.status == 3
    assert "stacks/Pulumi.other.yaml: is written, but `pulumi preview -s other` fails, see above" in failed.err


@pytest.mark.parametrize("command", ["plans", "models", "fit qwen3-coder-30b", "fit smollm2-135m --plan local-cpu"])
def test_what_helps_to_choose_works_on_the_local_cloud(laptop: Laptop, command: str) -> None:
    said = json.loads(laptop.must(f"fab {command} --refresh --json"))
    rows = said if isinstance(said, list) else [said]
    host = laptop.cloud.url.removeprefix("http://")
    listed = [row for row in rows if not row["plan"].startswith("g3-")]  # which is on request, and on no list
    assert listed and all(row["price_source"].startswith(host) for row in listed)


def test_ctrl_c_while_the_box_is_armed_waits_until_it_is_armed_or_given_back(laptop: Laptop) -> None:
    """Pulumi lets the step that runs come to its end; arming that gets nowhere gives the box back."""
    process = up_that_arms(laptop, seconds=6)
    press_ctrl_c(process)
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "was given back because nothing could have stopped it" in said
    assert laptop.instances() == []
    laptop.destroy().ok()


def test_a_second_ctrl_c_ends_at_once_and_destroy_ends_the_box(laptop: Laptop) -> None:
    cut_off(up_that_arms(laptop, seconds=600))
    assert "`pulumi destroy -s local` ends it" in laptop.must("fab status")
    assert "the account lists nothing of it" in laptop.destroy().ok().out


def test_ctrl_c_while_the_box_is_given_back_leaves_nothing_that_a_second_destroy_cannot_end(laptop: Laptop) -> None:
    cut_off(up_that_arms(laptop, seconds=600))
    asked = len(laptop.cloud.requests("DELETE"))
    laptop.cloud.fault("slow", "DELETE", "^/v4/linode/instances/", seconds=3)
    process = laptop.start("exec pulumi destroy -s local --yes --non-interactive")
    wait_for(lambda: len(laptop.cloud.requests("DELETE")) > asked)
    press_ctrl_c(process)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert "the account lists nothing of it" in laptop.destroy().ok().out
    assert laptop.instances() == []


def up_that_arms(laptop: Laptop, *, seconds: int) -> subprocess.Popen[str]:
    """An `up` whose box is there and cannot be armed. seconds: for how long that is tried."""
    up = "exec pulumi up -s local --yes --non-interactive --skip-preview"
    process = laptop.start(up, DAYBOX_ARM_SECONDS=str(seconds))
    wait_for(lambda: any(row["id"] in noted(laptop) for row in laptop.instances()))
    return process


def noted(laptop: Laptop) -> list[int]:
    """Every box that the ledger knows; it is noted right before it is armed."""
    entries = [json.loads(path.read_text()) for path in (laptop.state / "ledger").glob("*.json")]
    return [instance_id for entry in entries for instance_id in entry["instance_ids"]]


def press_ctrl_c(process: subprocess.Popen[str]) -> None:
    """As a terminal does: a signal to everything in the foreground."""
    os.killpg(process.pid, signal.SIGINT)


def cut_off(process: subprocess.Popen[str]) -> None:
    """End a command by Ctrl-C twice, which does not wait for the step that runs."""
    press_ctrl_c(process)
    time.sleep(1)
    press_ctrl_c(process)
    process.communicate(timeout=20)
    assert process.returncode != 0


def test_two_laptops_at_once_make_one_box_at_most(laptop: Laptop, tmp_path: Path) -> None:
    """Invariant 6: both list an empty account, both create; the label, unique in the account, lets one through."""
    laptop.stack = "coder-7b"
    laptop.set(**linode_settings(laptop.cloud))
    other = another_laptop(tmp_path, laptop)
    other.set(**linode_settings(laptop.cloud))
    asked = len(laptop.cloud.requests("POST", "/linode/instances"))
    laptop.cloud.fault("slow", "GET", "^/v4/linode/instances$", times=2, seconds=3)
    # The first must not have given its box back before the second has asked.
    up = "pulumi up -s coder-7b --yes --non-interactive --skip-preview"
    both = [one.start(up, DAYBOX_ARM_SECONDS="15") for one in (laptop, other)]
    said = [all_said(process)[0] for process in both]
    answers = [entry["status"] for entry in laptop.cloud.requests("POST", "/linode/instances")[asked:]]
    assert sum(status == 200 for status in answers) == 1, said
    assert [process.returncode for process in both] != [0, 0]
    assert laptop.instances() == []  # what could not be armed here was given back
    for one in (laptop, other):
        one.destroy().ok()


def test_the_committed_stack_files_hold_no_salt_of_anybodys_passphrase() -> None:
    root = Path(__file__).resolve().parents[2]
    shown = subprocess.run(
        ["git", "grep", "-l", "encryptionsalt", "HEAD", "--", "stacks/*.yaml"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shown.returncode, shown.stdout) == (1, "")  # 1: searched, and nothing found
