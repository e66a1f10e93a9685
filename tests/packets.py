"""Every packet that comes over an interface, as far as its head tells: who asked whom, for what."""

import ipaddress
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ETH_P_ALL = 3
IPV4, IPV6 = 0x0800, 0x86DD
TCP, UDP = 6, 17
PORTS = {TCP: "tcp", UDP: "udp"}


@dataclass(frozen=True)
class Packet:
    """One packet. protocol: `tcp`, `udp` or the number of another one; ports: 0 where it has none."""

    source: str
    source_port: int
    target: str
    target_port: int
    protocol: str


def parse(frame: bytes) -> Packet | None:
    """The IP packet in an Ethernet frame; None if it is none (ARP)."""
    kind, rest = struct.unpack_from("!H", frame, 12)[0], frame[14:]
    if kind == IPV4:
        head, number = (rest[0] & 15) * 4, rest[9]
        source, target = (str(ipaddress.IPv4Address(rest[place : place + 4])) for place in (12, 16))
    elif kind == IPV6:
        head, number = 40, rest[6]
        source, target = (str(ipaddress.IPv6Address(rest[place : place + 16])) for place in (8, 24))
    else:
        return None
    ports = struct.unpack_from("!HH", rest, head) if number in PORTS else (0, 0)
    return Packet(source, ports[0], target, ports[1], PORTS.get(number, str(number)))


@contextmanager
def packets(interface: str) -> Iterator[set[Packet]]:
    """What came in over `interface` while the `with` block ran: what was sent by whoever is at its other end."""
    seen: set[Packet] = set()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as listening:
        listening.bind((interface, ETH_P_ALL))
        listening.settimeout(0.1)
        ended = threading.Event()

        def listen() -> None:
            while True:
                try:
                    frame, (_, _, way, *_) = listening.recvfrom(65_536)
                except TimeoutError:
                    if ended.is_set():
                        return
                    continue
                found = parse(frame) if way != socket.PACKET_OUTGOING else None
                if found:
                    seen.add(found)

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        try:
            yield seen
        finally:
            ended.set()
            listener.join()
