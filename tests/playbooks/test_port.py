"""Who holds the port."""

import os
import socket
from pathlib import Path

import pytest

from playbooks.port import check_port, hold_port, hold_socket, holder_of
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


def test_the_socket_is_for_its_owner_alone_and_takes_the_place_of_a_dead_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a socket's path is short
    hold_socket("gateway.sock").close()
    assert (tmp_path / "gateway.sock").exists(), "what a killed gateway leaves"
    with hold_socket("gateway.sock"), socket.socket(socket.AF_UNIX) as client:
        assert (tmp_path / "gateway.sock").stat().st_mode & 0o777 == 0o600
        client.connect("gateway.sock")


@pytest.mark.parametrize("umask", [0, 0o777])
def test_no_umask_opens_the_socket_to_others_or_closes_it_to_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    monkeypatch.chdir(tmp_path)
    before = os.umask(umask)
    try:
        hold_socket("gateway.sock").close()
    finally:
        os.umask(before)
    assert (tmp_path / "gateway.sock").stat().st_mode & 0o777 == 0o600
