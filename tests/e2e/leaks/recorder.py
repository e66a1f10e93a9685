"""Every packet of a row's network, read off the wire: which addresses were connected to, which names looked up."""

import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ETH_P_ALL, OUTGOING = 3, 4
IPV4, IPV6, TCP, UDP = 0x0800, 0x86DD, 6, 17
SYN, ACK = 2, 16
LOOPBACK = ("127.0.0.1", "::1")
LISTENING = "0A"


@dataclass(frozen=True, order=True)
class Contact:
    """One attempt. kind: connect, datagram or look-up; to: an address, or the name that was asked for."""

    kind: str
    to: str
    port: int


def contact_in(frame: bytes) -> Contact | None:
    """The attempt that this packet begins; None for all others."""
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == IPV4:
        protocol, to, rest = frame[23], socket.inet_ntop(socket.AF_INET, frame[30:34]), 14 + (frame[14] & 15) * 4
    elif kind == IPV6:
        protocol, to, rest = frame[20], socket.inet_ntop(socket.AF_INET6, frame[38:54]), 54
    else:
        return None
    port = struct.unpack_from("!H", frame, rest + 2)[0] if len(frame) >= rest + 4 else 0
    if protocol == TCP:
        return Contact("connect", to, port) if frame[rest + 13] & (SYN | ACK) == SYN else None
    if protocol != UDP:
        return None
    source = struct.unpack_from("!H", frame, rest)[0]
    if source == 53:
        return None
    return Contact("look-up", question(frame[rest + 8 :]), 53) if port == 53 else Contact("datagram", to, port)


def question(message: bytes) -> str:
    """The name that a DNS message asks for."""
    labels, place = [], 12
    while place < len(message) and message[place]:
        labels.append(message[place + 1 : place + 1 + message[place]].decode(errors="replace"))
        place += message[place] + 1
    return ".".join(labels)


def listening() -> set[int]:
    """The TCP ports on which somebody listens in this network."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
    ]
    return {int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == LISTENING}


@dataclass
class Recorder:
    """Reads along until the row ends. opened: ports on which, at some time, somebody listened."""

    contacts: list[Contact] = field(default_factory=list)
    opened: set[int] = field(default_factory=set)

    def start(self) -> "Recorder":
        """Read along from now on."""
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**24)
        threading.Thread(target=self._read, args=[wire], daemon=True).start()
        threading.Thread(target=self._look, daemon=True).start()
        return self

    def _read(self, wire: socket.socket) -> None:
        while True:
            frame, address = wire.recvfrom(65536)
            with suppress(IndexError, struct.error, ValueError):
                if address[2] != OUTGOING and (found := contact_in(frame)):
                    self.contacts.append(found)

    def _look(self) -> None:
        pause = threading.Event()
        while not pause.wait(0.02):
            self.opened |= listening()
