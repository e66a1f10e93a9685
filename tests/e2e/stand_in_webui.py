"""What stands for Open WebUI on a box of the local cloud: it answers where it would, and tries what it should not."""

import base64
import hashlib
import json
import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

SECRETS = ("WEBUI_SECRET_KEY", "WEBUI_ADMIN_PASSWORD", "OPENAI_API_KEY")
MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455


class Page(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Do what the path says."""
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/socket":
            return self.join()
        ways = {"/health": lambda: {"status": True}, "/models": models, "/secrets": secrets}
        more = {"/open": lambda: {"open": opens(asked["to"])}, "/lookup": lambda: {"found": found(asked["name"])}}
        return self.say((ways | more)[parts.path]())

    def say(self, value: Any) -> None:
        """Answer in JSON."""
        text = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def join(self) -> None:
        """A websocket that sends back each short message, reversed."""
        proof = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + MAGIC).encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(proof).decode())
        self.end_headers()
        while (head := self.rfile.read(2)) and head[0] & 0x0F == 1:
            mask, length = self.rfile.read(4), head[1] & 0x7F
            word = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes([0x81, length]) + word[::-1])
        self.close_connection = True


def models() -> Any:
    """What vLLM serves, asked as Open WebUI does."""
    key = os.environ["OPENAI_API_KEY"]
    with urlopen(
        Request(os.environ["OPENAI_API_BASE_URL"] + "/models", headers={"Authorization": f"Bearer {key}"})
    ) as it:
        return json.load(it)


def secrets() -> dict[str, str]:
    """What it was given."""
    return {name: os.environ[name] for name in SECRETS}


def opens(where: str) -> bool:
    """Whether a connection is made within 3 s."""
    host, _, port = where.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        return True
    except OSError:
        return False


def found(name: str) -> bool:
    """Whether the name has an address."""
    try:
        return bool(socket.getaddrinfo(name, 80))
    except OSError:
        return False


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8080), Page).serve_forever()
