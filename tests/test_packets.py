"""What a recorder of packets makes of their heads."""

import socket
import struct

import pytest

from tests.packets import Packet, parse


def frame(kind: int, payload: bytes) -> bytes:
    """An Ethernet frame."""
    return bytes(12) + struct.pack("!H", kind) + payload


def test_a_tcp_packet_tells_both_ends_also_behind_options_of_ip() -> None:
    options = b"\x01" * 4
    head = bytes([0x46, *bytes(8), 6, 0, 0, *socket.inet_aton("192.0.2.1"), *socket.inet_aton("192.0.2.2")])
    packet = parse(frame(0x0800, head + options + struct.pack("!HH", 40_000, 443)))
    assert packet == Packet("192.0.2.1", 40_000, "192.0.2.2", 443, "tcp")


def test_a_question_over_ipv6_is_seen() -> None:
    addresses = socket.inet_pton(socket.AF_INET6, "fd00::1") + socket.inet_pton(socket.AF_INET6, "fd00::2")
    packet = parse(frame(0x86DD, bytes([0x60, *bytes(5), 17, 64]) + addresses + struct.pack("!HH", 5000, 53)))
    assert packet == Packet("fd00::1", 5000, "fd00::2", 53, "udp")


@pytest.mark.parametrize("kind", [0x0806, 0x88CC], ids=["arp", "lldp"])
def test_what_is_no_ip_is_passed_over(kind: int) -> None:
    assert parse(frame(kind, bytes(28))) is None
