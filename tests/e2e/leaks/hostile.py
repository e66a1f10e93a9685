"""The hostile server: in a row's world every name is its own, and it answers at every address."""

import contextlib
import socket
import socketserver
import struct
import threading
from dataclasses import dataclass, field

ADDRESS = "198.51.100.66"  # what every name is resolved to. Source: RFC 5737, for documentation
RESOLVER = "127.0.0.53"
# Web, proxies, collectors of telemetry, model servers.
PORTS = (22, 80, 443, 1234, 1080, 3128, 4000, 4317, 4318, 5000, 8000, 8080, 8443, 8888, 9000, 11434)
REFUSAL = b'{"error": {"type": "invalid_request_error", "message": "no"}}'
ANSWER = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    % (
        len(REFUSAL),
        REFUSAL,
    )
)
CLIENT_HELLO = 0x16
MOST_BYTES = 2**24


@dataclass(frozen=True)
class Received:
    """One request. head: its first line, or for TLS the name that was asked for; whole: all of it."""

    port: int
    head: str
    whole: bytes = field(repr=False)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@dataclass
class Hostile:
    """What it received."""

    received: list[Received] = field(default_factory=list)

    def start(self) -> "Hostile":
        """Resolve names and answer on all ports."""
        threading.Thread(target=resolve, daemon=True).start()
        for port in PORTS:
            self.listen(port)
        return self

    def listen(self, port: int, host: str = "0.0.0.0") -> None:
        """Answer there. Raises OSError if somebody else has it."""
        received = self.received

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    whole = whole_request(self.request)
                    received.append(Received(port, head_of(whole), whole))
                    self.request.sendall(ANSWER)

        server = Server((host, port), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()


def whole_request(connection: socket.socket) -> bytes:
    """Everything that is sent before there is silence."""
    connection.settimeout(2)
    said = b""
    while len(said) < MOST_BYTES:
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            break
        said += piece
        if not piece or said[0] == CLIENT_HELLO or complete(said):
            break
    return said


def complete(said: bytes) -> bool:
    """Whether this is a whole request of HTTP."""
    head, end, body = said.partition(b"\r\n\r\n")
    if not end:
        return False
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        return body.endswith(b"0\r\n\r\n")
    return len(body) >= int(fields.get(b"content-length", b"0"))


def head_of(said: bytes) -> str:
    """What it is about, in one line."""
    if said[:1] == bytes([CLIENT_HELLO]):
        return f"TLS for {server_name(said)}"
    return said.split(b"\r\n")[0][:200].decode(errors="replace")


def server_name(hello: bytes) -> str:
    """The name in a ClientHello (RFC 8446, 4.1.2; RFC 6066, 3); `?` if there is none."""
    try:
        place = 43 + 1 + hello[43]
        place += 2 + struct.unpack_from("!H", hello, place)[0]
        place += 1 + hello[place]
        place += 2
        while place < len(hello):
            kind, size = struct.unpack_from("!HH", hello, place)
            if kind == 0:
                return hello[place + 9 : place + 4 + size].decode()
            place += 4 + size
    except (IndexError, struct.error):
        pass
    return "?"


def resolve() -> None:
    """Answer every question for an address of IPv4 with the hostile one, and any other with nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((RESOLVER, 53))
        while True:
            asked, who = server.recvfrom(4096)
            end = asked.index(b"\0", 12) + 5
            kind = struct.unpack_from("!H", asked, end - 4)[0]
            address = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(ADDRESS)
            found = address if kind == 1 else b""
            counts = struct.pack("!HHHH", 1, bool(found), 0, 0)
            server.sendto(asked[:2] + b"\x81\x80" + counts + asked[12:end] + found, who)
