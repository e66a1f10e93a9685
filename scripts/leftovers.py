"""Is anything left of a box on this machine or in the account? Asked of kernel and API, not of our own notes."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stacks.account import Account
from stacks.catalog import CLOUDS
from stacks.errors import CloudError
from stacks.lease import TAG
from stacks.places import cloud_dir, state_dir


def in_account(account: Account) -> list[str]:
    """Everything of daybox's that the account lists."""
    left = [f"box {row['id']} {row['label']}" for row in account.rows("/linode/instances")]
    for path in ("/networking/firewalls", "/volumes", "/profile/tokens"):
        left += [f"{path} {row['id']} {row['label']}" for row in account.rows(path) if row["label"].startswith(TAG)]
    return left


def processes() -> list[str]:
    """Processes that work on daybox's state: boxes, tunnels, gateways; the local cloud itself does not count."""
    marks = (str(cloud_dir() / "boxes"), str(state_dir() / "stacks"))
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended while we looked
        if any(mark in words for mark in marks):
            left.append(f"process {folder.name}: {words.strip()[:120]}")
    return left


def mounts() -> list[str]:
    """Mounts below the local cloud's folder."""
    lines = Path("/proc/mounts").read_text().splitlines()
    return [f"mount {line.split()[1]}" for line in lines if line.split()[1].startswith(str(cloud_dir()))]


def links(ids: list[int]) -> list[str]:
    """Network links of boxes with these ids."""
    shown = subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout
    names = {row["ifname"] for row in json.loads(shown)}
    return [f"link ve-dbx{number}" for number in ids if f"ve-dbx{number}" in names]


def prove_nothing_left(environment: Mapping[str, str]) -> None:
    """Ask account and kernel, print what was asked, stop the local cloud. Raises CloudError naming what is left."""
    local = next(cloud for cloud in CLOUDS if cloud.name == "local")
    account = Account((cloud_dir() / "url").read_text().strip(), local.token)
    from stacks.ledger import entries

    ids = [number for entry in entries() for number in entry.instance_ids]
    asked = {
        "the API lists": in_account(account),
        "processes": processes(),
        "mounts": mounts(),
        "network links": links(ids),
    }
    for question, left in asked.items():
        print(f"  {question}: {'; '.join(left) or 'nothing'}")
    if left := [thing for things in asked.values() for thing in things]:
        raise CloudError(f"still there: {'; '.join(left)}", hint="scripts/cloud/stop --boxes, then fab status")
