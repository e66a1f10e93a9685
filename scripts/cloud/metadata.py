"""The metadata service, as each box meets it on its own link: whoever asks there is told the box's user-data.

Source: Linode's metadata service API, as cloud-init's datasource `Akamai` uses it (PUT /v1/token, then GET with it).
"""

import base64
import json
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scripts.cloud.box_folder import BoxFolder, Facts
from scripts.cloud.link import METADATA, METADATA_6, METADATA_PORT
from scripts.cloud.seed import KEYS, SEED

EXPIRY, TOKEN = "Metadata-Token-Expiry-Seconds", "Metadata-Token"


def answers(folder: BoxFolder, facts: Facts) -> dict[str, str]:
    """Path -> what the service says of the box."""
    user_data = (folder.root / SEED / "user-data").read_bytes()
    keys = (folder.root / KEYS).read_text().splitlines()
    return {
        "/v1/instance": json.dumps({"id": facts.box_id, "label": facts.label, "region": "local", "type": "local"}),
        "/v1/user-data": base64.b64encode(user_data).decode(),
        "/v1/ssh-keys": json.dumps({"users": {"root": keys}}),
        "/v1/network": json.dumps({"ipv4": {"public": [f"{facts.link.box}/32"]}}),
    }


@contextmanager
def served(folder: BoxFolder, facts: Facts) -> Iterator[None]:
    """While the `with` block runs, the service answers on the box's link, and on no other."""
    token = secrets.token_hex(16)

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked = self.path == "/v1/token" and self.headers.get(EXPIRY, "").isdigit()
            self.say(200 if asked else 400, token if asked else "")

        def do_GET(self) -> None:
            text = answers(folder, facts).get(self.path)
            known = secrets.compare_digest(self.headers.get(TOKEN, ""), token)
            self.say(401 if not known else 404 if text is None else 200, text or "" if known else "")

        def say(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Nothing: it would be user-data in a log."""

    with ExitStack() as stack:
        for family, address in ((socket.AF_INET, METADATA), (socket.AF_INET6, METADATA_6)):
            stack.enter_context(listening(family, address, facts.link.name, Handler))
        yield


@contextmanager
def listening(
    family: socket.AddressFamily, address: str, device: str, handler: type[BaseHTTPRequestHandler]
) -> Iterator[None]:
    """A server in a thread. device: every link has these same addresses, so it listens on its own alone."""

    class Server(ThreadingHTTPServer):
        address_family = family
        daemon_threads = True

        def server_bind(self) -> None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(self.server_address)

    with Server((address, METADATA_PORT), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
