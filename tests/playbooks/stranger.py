"""Any program of this laptop that listens at a port: it answers as it likes, and keeps all that it was sent."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Stranger:
    """It listens at `port`; sent: what came over each connection."""

    port: int
    answer: Callable[[bytes], bytes]
    sent: list[bytearray] = field(default_factory=list)

    @property
    def all_sent(self) -> bytes:
        """Every byte that it was sent."""
        return b"".join(self.sent)


def says(body: object, *, close: bool = False) -> bytes:
    """An HTTP answer with this as JSON."""
    text = json.dumps(body).encode()
    last = "Connection: close\r\n" if close else ""
    return f"HTTP/1.1 200 OK\r\n{last}Content-Length: {len(text)}\r\n\r\n".encode() + text


@contextmanager
def stranger(port: int, answer: Callable[[bytes], bytes], *, endless: bytes = b"") -> Iterator[Stranger]:
    """It listens as long as the `with` block runs. answer: to one request, as it came; nothing: it stays silent.

    endless: what it goes on to send after that, until nobody listens.
    """
    listener = socket.create_server(("127.0.0.1", port))
    one = Stranger(port, answer)

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=speak, args=(connection,), daemon=True).start()

    def speak(connection: socket.socket) -> None:
        kept = bytearray()
        one.sent.append(kept)
        with connection, suppress(OSError):
            while piece := connection.recv(65536):
                kept += piece
                reply = one.answer(piece)
                connection.sendall(reply)
                while endless:
                    connection.sendall(endless)
                    time.sleep(0.01)
                if b"Connection: close" in reply:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
