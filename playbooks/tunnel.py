"""The tunnel: from a port of this laptop to the model on the box, and nowhere else."""

import os
from pathlib import Path

from invoke.context import Context

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command, print_json
from playbooks.endpoint import Endpoint, status_in, trusted
from playbooks.gateway_checks import STATUS_PATH
from playbooks.gateway_process import fetch_key, gateway_of, orders_for, start_gateway, wait_until_up
from playbooks.port import check_port
from playbooks.report import is_silence, read_report
from playbooks.stage_table import record_file
from playbooks.tunnel_files import (
    Orders,
    box_key_file,
    end_gateway,
    known_tunnels,
    living_pid,
    read_orders,
    tunnel_dir,
)
from playbooks.tunnel_status import open_tunnels, status_line, tunnel_row
from stacks.box import Box, box_target
from stacks.errors import BoxError, UsageError
from stacks.ssh import Target

PROBE_CLIENT = "daybox"  # our own client at the gateway


@command(name="open", default=True, help=STACK_HELP)
def open_tunnel(c: Context, stack: str | None = None) -> None:
    """Open the tunnel to the model; make the box ready first.

    Example: fab tunnel launch-aider
    """
    from playbooks.clients_anew import rewrite  # it asks here whether a tunnel is open

    box = find_box(stack)
    print(open_for(box))
    rewrite(box)  # model, window or port may be others than those that clients were told


@command(help=STACK_HELP)
def close(c: Context, stack: str | None = None) -> None:
    """Close the tunnel and free its port.

    Example: fab tunnel.close --stack coder-30b
    """
    name = tunnel_meant(stack or os.environ.get("PULUMI_STACK"), open_tunnels())
    print("tunnel: closed" if name in known_tunnels() and close_for(name) else "tunnel: is not open")


@command(help={"stack": "only this stack; else all", "json": "print JSON for programs"})
def status(c: Context, stack: str | None = None, json: bool = False) -> None:
    """Show the tunnels of this laptop.

    Example: fab tunnel.status --json
    """
    rows = [tunnel_row(name) for name in known_tunnels() if name == (stack or name)]
    if json:
        print_json(rows)
    else:
        print("\n".join(status_line(row) for row in rows) or "tunnel: there is none")


def open_for(box: Box) -> str:
    """Make sure that the box's model answers through the tunnel; what was done, in one line.

    Raises UsageError for a taken port, BoxError or NotReadyError if ssh does not come up, ModelError if no completion
    comes back. What it started and could not prove it ends again.
    """
    folder = tunnel_dir(box.stack)
    target = box_target(box)
    orders = orders_for(box, target)
    if is_open(box, orders, folder):
        return f"tunnel: already open, {Endpoint(box.port).base}"
    if read_orders(box.stack) != orders or is_over(orders):
        end_gateway(folder)  # of another lease, port or checkout, or one that gave up
    started_here = living_pid(folder) is None
    if started_here:
        for port in held_ports(orders):
            check_port(box.stack, port)
    try:
        if started_here:
            start_gateway(box, orders, folder)  # ssh connects while the box becomes ready
        ensure_ready(box, target)
        fetch_key(box.stack, target)  # also for a gateway that lives: it may have the key of an earlier boot
        wait_until_up(orders, folder)
        seconds = prove(box)
    except BaseException:  # Ctrl-C, too: nothing half-open stays behind
        if started_here:
            close_for(box.stack)
        raise
    return f"tunnel: open, {Endpoint(box.port).base} serves {box.served_name}; a completion took {seconds:.1f} s"


def held_ports(orders: Orders) -> list[int]:
    """The ports of this laptop that its gateway holds."""
    return [port for port in (orders.port, orders.webui_port) if port]


def is_open(box: Box, orders: Orders, folder: Path) -> bool:
    """Whether this very box is served already: our gateway lives, ssh is up, vLLM lists the model."""
    if living_pid(folder) is None or read_orders(box.stack) != orders:
        return False
    endpoint = trusted(box, PROBE_CLIENT)
    found = endpoint.status()
    if not found or not found.up:
        return False
    try:
        return bool(endpoint.window(box.served_name))
    except BoxError:
        return False  # ssh is up and vLLM not yet: the box was rebooted


def is_over(orders: Orders) -> bool:
    """Whether who holds the port cannot prove that it has these orders, or says that its ssh will not come back.

    One that does not answer yet has only begun.
    """
    try:
        found = status_in(gateway_of(orders).ask(STATUS_PATH)[1])
    except OSError:
        return False
    except BoxError:
        return True
    return bool(found and found.ended)


def ensure_ready(box: Box, target: Target) -> None:
    """Make the box ready, unless it says it is and its way there was shown."""
    try:
        report = read_report(target)
    except BoxError as error:
        if not is_silence(error):
            raise
        report = None  # it boots: following it is what make_ready does
    if report is None or not report.ready or not record_file(box).is_file():
        from playbooks.bootstrap import make_ready  # bootstrap loads templates, which an open tunnel needs not

        make_ready(box)


def prove(box: Box) -> float:
    """Seconds of one real completion by this stack's model, through gateway and tunnel."""
    endpoint = trusted(box, PROBE_CLIENT)
    endpoint.window(box.served_name)
    return endpoint.complete(box.served_name)


def close_for(stack: str) -> bool:
    """End the stack's gateway and its ssh, and forget the box's key; False if it was not open."""
    box_key_file(stack).unlink(missing_ok=True)
    return end_gateway(tunnel_dir(stack))


def tunnel_meant(named_stack: str | None, living: list[str]) -> str | None:
    """The stack whose tunnel is to be closed: the one named, else the only one that lives. Pulumi is not asked: the box
    may be gone. Raises UsageError, listing the choices."""
    if named_stack or len(living) < 2:
        return named_stack or (living[0] if living else None)
    raise UsageError("tunnel: more than one is open", hint=f"say --stack; choose from: {', '.join(living)}")
