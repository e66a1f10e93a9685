"""Is anything left of a box on this machine or in the account? Asked of kernel and API, not of our own notes."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from stacks.account import Account
from stacks.catalog import CLOUDS
from stacks.errors import CloudError
from stacks.lease import TAG
from stacks.ledger import entries
from stacks.places import cloud_dir, local_url, state_dir
from stacks.values import named, own_port

HELPERS = ("pulumi.dynamic", "pulumi-language-", "pulumi-resource-")  # of Pulumi; a killed one leaves them running


def in_account(account: Account) -> list[str]:
    """Everything of daybox's that the account lists."""
    left = [f"box {row['id']} {row['label']}" for row in account.rows("/linode/instances")]
    for path in ("/networking/firewalls", "/volumes", "/profile/tokens"):
        left += [f"{path} {row['id']} {row['label']}" for row in account.rows(path) if row["label"].startswith(TAG)]
    return left


def processes(stack: str) -> list[str]:
    """Processes of this state: the local cloud and its boxes, the stack's tunnel and gateway, Pulumi's own helpers."""
    programs = ("scripts.cloud", f"playbooks.gateway --stack {stack}", *HELPERS)
    places = (str(cloud_dir()), f"{state_dir()}/stacks/{stack}/")
    found = running(programs, places)
    return [f"process {pid}: {words[:120]}" for pid, words in found.items()]


def running(programs: Sequence[str], places: Sequence[str] = ()) -> dict[int, str]:
    """pid -> command line of every process of this state that runs one of `programs`, or that names one of `places`."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            surroundings = (folder / "environ").read_bytes()
        except OSError:
            continue  # it ended while we looked
        of_state = f"DAYBOX_STATE={state_dir()}\0".encode() in surroundings
        if (of_state and any(name in words for name in programs)) or any(place in words for place in places):
            found[int(folder.name)] = words
    return found


def end_helpers() -> None:
    """End what a killed Pulumi leaves behind: its helpers wait for good, with its environment."""
    for pid in running(HELPERS):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def mounts() -> list[str]:
    """Mounts below the local cloud's folder."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [f"mount {point}" for point in points if point.startswith(f"{cloud_dir()}/")]


def links(ids: list[int]) -> list[str]:
    """Network links of boxes with these ids."""
    shown = subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout
    names = {row["ifname"] for row in json.loads(shown)}
    return [f"link ve-dbx{number}" for number in ids if f"ve-dbx{number}" in names]


def ports(numbers: list[int]) -> list[str]:
    """Those of these ports of this machine that somebody still listens on."""
    left = []
    for number in numbers:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", number)) == 0:
                left.append(f"port {number}")
    return left


def on_this_machine(stack: str, url: str) -> dict[str, list[str]]:
    """Question -> what the kernel has of the stack, and of the local cloud that was at `url`, if there was one."""
    ids = [number for entry in entries() for number in entry.instance_ids]
    cloud_port = url.rpartition(":")[2]
    return {
        "processes": processes(stack),
        "mounts": mounts(),
        "network links": links(ids),
        "ports": ports([own_port(stack), *([int(cloud_port)] if cloud_port else [])]),
    }


def show(asked: Mapping[str, list[str]]) -> None:
    """Print each question with its answers."""
    for question, left in asked.items():
        print(f"  {question}: {'; '.join(left) or 'nothing'}", flush=True)


def prove_nothing_left(environment: Mapping[str, str], stack: str) -> None:
    """Ask the account, stop the cloud, ask the kernel; print the answers. Raises CloudError naming what is left."""
    url = local_url()
    asked = {"the API lists": in_account(Account(url, named(CLOUDS, "local").token))}
    subprocess.run(
        [sys.executable, "-m", "scripts.cloud", "stop"], env=dict(environment), check=True, stdout=subprocess.DEVNULL
    )
    asked |= on_this_machine(stack, url)
    show(asked)
    if found := [thing for things in asked.values() for thing in things]:
        raise CloudError(f"still there: {'; '.join(found)}", hint="scripts/cloud/stop --boxes, then fab status")
