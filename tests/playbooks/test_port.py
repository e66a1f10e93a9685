"""Who holds the port."""

import os
import socket
from pathlib import Path

import pytest

from playbooks.port import check_port, hold_port, holder_of
from playbooks.tunnel_files import Orders, take_lock, tunnel_dir
from stacks.errors import UsageError
from tests.playbooks.fake_box import free_port


def test_a_free_port_passes_and_is_free_again() -> None:
    port = free_port()
    check_port("s", port)
    check_port("s", port)


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")]
)
def test_a_taken_port_is_named_with_the_way_out(
    family: socket.AddressFamily, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    port = free_port()
    with socket.socket(family) as other:
        other.bind((address, port))
        other.listen()
        with pytest.raises(UsageError) as caught:
            check_port("s", port)
    assert caught.value.line() == (
        f"stacks/s/port: {port} on this laptop is taken by another program;"
        f" find it with `ss -ltnp 'sport = :{port}'` and end it, or set daybox:port to another and `pulumi up`"
    )


def test_another_stacks_gateway_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    port = free_port()
    Orders("t", "lease", 1, port, 8000, "daybox-1", "", "", "").write()
    lock, held = take_lock(tunnel_dir("t")), hold_port(port)
    with pytest.raises(UsageError) as caught:
        check_port("s", port)
    assert caught.value.line() == (
        f"stacks/s/port: {port} on this laptop is held by the gateway of stack t;"
        " fab tunnel.close --stack t, or set daybox:port to another and `pulumi up`"
    )
    assert lock is not None
    os.close(lock)
    for listener in held:
        listener.close()
    assert holder_of(port) == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_held_port_cannot_be_taken(address: str) -> None:
    port = free_port()
    held = hold_port(port)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, port))
    for listener in held:
        listener.close()
