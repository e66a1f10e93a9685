"""Starting the gateway's process, and waiting until its ssh is up."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from playbooks.boxes import ROOT
from playbooks.desktop import session
from playbooks.endpoint import Endpoint
from playbooks.progress import say
from playbooks.tunnel_files import LOG_FILE, Orders, box_key_file, living_pid
from playbooks.tunnel_ssh import WRONG_KEY_WORD
from playbooks.witness import witness_in
from stacks.account import deploy_token
from stacks.box import Box
from stacks.catalog import CLOUDS
from stacks.errors import BoxError, ConfigError, NotReadyError
from stacks.places import CACHE_VARIABLE, STATE_VARIABLE, cache_dir, state_dir, write_private
from stacks.secrets import has_linode_token
from stacks.ssh import PIN_HINT, Target, environment, run
from stacks.values import named
from stacks.webui import webui_port

BOX_PORT = 8000  # where the box publishes vLLM, on its loopback only
ARCHITECT_BOX_PORT = 8001  # and where a second one
OPEN_SECONDS = 40.0  # a box that reboots meanwhile is back by then
LOOK_SECONDS = 0.05


def read_vllm_key() -> str:
    """Shell command for the box: print the key that vLLM asks for."""
    return "cat /etc/daybox/vllm-key"


def start_words(stack: str) -> list[str]:
    """Arguments that run the stack's gateway."""
    return [sys.executable, "-m", "playbooks.gateway", "--stack", stack]


def gateway_environment() -> dict[str, str]:
    """What the gateway gets: no token, no key, no proxy, as ssh; and where daybox keeps things, in full.

    And what finds the desktop of whoever started it: there the gateway says that a box is about to be deleted.
    """
    places = {STATE_VARIABLE: str(state_dir().resolve()), CACHE_VARIABLE: str(cache_dir().resolve())}
    return {**environment(), **places, **session()}


def orders_for(box: Box, target: Target) -> Orders:
    """What the gateway of this box must be told."""
    return Orders(
        stack=box.stack,
        lease=box.lease,
        instance_id=box.instance_id,
        port=box.port,
        box_port=BOX_PORT,
        alias=target.alias,
        ssh_config=str(target.config_file.resolve()),
        host_key=box.host_key,
        api_url=box.api_url,
        address=box.address,
        webui_port=webui_port(box.port) if box.webui else 0,
        architect_box_port=ARCHITECT_BOX_PORT if box.architect_name else 0,
        architect_name=box.architect_name,
    )


def start_gateway(box: Box, orders: Orders, folder: Path) -> None:
    """Start the gateway's process, which outlives this one; the cloud's token goes through a pipe."""
    orders.write()
    with open_log(folder) as log:
        process = subprocess.Popen(
            start_words(box.stack),
            cwd=ROOT,
            env=gateway_environment(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(process, box, orders, folder)
    except BaseException:  # Ctrl-C, too, and before it has taken its lock, by which others would find and end it
        process.terminate()
        process.wait()
        raise


def open_log(folder: Path) -> BinaryIO:
    """The gateway's log, empty and 0600, whatever the umask and whoever made it."""
    descriptor = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.fchmod(descriptor, 0o600)
    return os.fdopen(descriptor, "wb")


def wait_until_it_answers(process: "subprocess.Popen[bytes]", box: Box, orders: Orders, folder: Path) -> None:
    """Give the new gateway the cloud's token and wait for it. Raises BoxError if it ends, or takes too long."""
    assert process.stdin is not None  # we asked for a pipe
    token = cloud_token(box)
    with suppress(BrokenPipeError), process.stdin:  # it ended meanwhile: its log says why
        process.stdin.write(f"{token}\n".encode())
    deadline = time.monotonic() + OPEN_SECONDS
    while living_pid(folder) is None or gateway_of(orders).status() is None:
        ended = process.poll() is not None and living_pid(folder) is None  # another one may have been first
        if ended or time.monotonic() > deadline:
            raise BoxError(f"daybox/tunnel: the gateway ended: {last_line(folder)}", hint=f"see {folder / LOG_FILE}")
        time.sleep(LOOK_SECONDS)


def gateway_of(orders: Orders) -> Endpoint:
    """The gateway that has these orders; another one at its port is none."""
    return Endpoint(orders.port, witness=witness_in(orders))


def wait_until_up(orders: Orders, folder: Path) -> None:
    """Wait for ssh. Raises BoxError if it gave up, NotReadyError if it takes too long."""
    deadline = time.monotonic() + OPEN_SECONDS
    while True:
        found = gateway_of(orders).status()
        if found and found.up:
            return
        word = found.word if found else last_line(folder)
        if living_pid(folder) is None or (found and found.ended):
            hint = PIN_HINT if word == WRONG_KEY_WORD else f"see `fab status` and {folder / LOG_FILE}"
            raise BoxError(f"box/{orders.alias}: {word}", hint=hint)
        if time.monotonic() > deadline:
            raise NotReadyError(f"daybox/tunnel: not up after {OPEN_SECONDS:.0f} s: {word}", hint="see `fab status`")
        time.sleep(LOOK_SECONDS)


def fetch_key(stack: str, target: Target) -> None:
    """Bring the box's vLLM key to where the gateway reads it, 0600. Raises BoxError if the box has none yet."""
    done = run(target, read_vllm_key())
    if done.returncode or not done.stdout.strip():
        raise BoxError(f"box/{target.alias}: it has no vLLM key yet", hint="make it ready: fab bootstrap")
    write_private(box_key_file(stack), done.stdout.strip() + "\n")


def cloud_token(box: Box) -> str:
    """The token with which the gateway may ask whether the box was deleted; empty if there is none to be had."""
    try:
        return deploy_token(named(CLOUDS, box.cloud).token)
    except ConfigError as error:
        if has_linode_token():
            say(f"the gateway will not see it if the box is deleted: {error.line()}")
        return ""


def last_line(folder: Path) -> str:
    """The last line of the gateway's log."""
    log = folder / LOG_FILE
    lines = log.read_text(errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else "it said nothing"
