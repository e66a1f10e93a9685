"""A local cloud for tests: a real process on a free port, with its own state, and a hand on its admin route."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from stacks.places import private_folder

TOKEN = "daybox-local"
CHECKOUT = Path(__file__).parents[1]
ANSWER_SECONDS = 20
INSTANCE: dict[str, Any] = {
    "type": "local-cpu",
    "region": "local",
    "image": "linode/debian13",
    "authorized_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA nobody@example.net"],
    "interface_generation": "legacy_config",
}
FIREWALL: dict[str, Any] = {
    "rules": {
        "inbound": [
            {
                "action": "ACCEPT",
                "label": "ssh",
                "ports": "22",
                "protocol": "TCP",
                "addresses": {"ipv4": ["203.0.113.9/32"]},
            }
        ],
        "inbound_policy": "DROP",
        "outbound": None,
        "outbound_policy": "ACCEPT",
    },
}


@dataclass
class Cloud:
    """One running double. state_dir: what DAYBOX_STATE must be for whoever is to find this cloud."""

    state_dir: Path
    boxes: bool
    url: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    # A new connection each time, because a test may have killed the other end; no certificates to load, no proxy.
    _client: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            trust_env=False, verify=False, timeout=30, limits=httpx.Limits(max_keepalive_connections=0)
        ),
        repr=False,
    )

    @property
    def folder(self) -> Path:
        """Where the cloud keeps its state, its log, and its boxes."""
        return self.state_dir / "cloud"

    def environment(self) -> dict[str, str]:
        """This process's environment, with the state of this cloud."""
        return os.environ | {"DAYBOX_STATE": str(self.state_dir)}

    def start(self) -> None:
        """Run the double and wait until it answers; on the port of before, if it ran before."""
        port = self.url.rpartition(":")[2] or "0"
        (self.folder / "url").unlink(missing_ok=True)
        private_folder(self.state_dir)  # as `source scripts/env` makes it, before any cloud starts
        self.folder.mkdir(parents=True, exist_ok=True)
        kind = [] if self.boxes else ["--no-boxes"]
        command = [sys.executable, "-m", "scripts.cloud", "serve", "--port", port, *kind]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=CHECKOUT, env=self.environment(), stdout=log, stderr=log)
        self._wait()

    def _wait(self) -> None:
        assert self.process
        deadline = time.monotonic() + ANSWER_SECONDS
        while not (self.folder / "url").exists():
            log = (self.folder / "log").read_text()
            assert self.process.poll() is None and time.monotonic() < deadline, f"the cloud does not come up: {log}"
            time.sleep(0.02)
        self.url = (self.folder / "url").read_text().strip()

    def kill(self) -> None:
        """End the double as kill -9 does; its boxes live on."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """kill -9, and up again on the same port."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """End the double and all its boxes."""
        self.kill()  # nothing is lost by it, and it takes no time
        command = [sys.executable, "-m", "scripts.cloud", "stop", "--boxes"]
        if self.boxes:
            subprocess.run(command, cwd=CHECKOUT, env=self.environment(), check=True)

    def call(self, method: str, path: str, body: object = None, token: str = TOKEN, **headers: str) -> httpx.Response:
        """One request to the API; path without /v4. A header's name is given with _ for -."""
        sent = {"Authorization": f"Bearer {token}"} if token else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self._send(method, f"/v4{path}", body, sent)

    def json(self, method: str, path: str, body: object = None, **options: str) -> Any:
        """The JSON of a request that must succeed."""
        reply = self.call(method, path, body, **options)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def create(self, label: str, **more: object) -> dict[str, Any]:
        """A new Instance on the plan `local-cpu`."""
        row: dict[str, Any] = self.json("POST", "/linode/instances", INSTANCE | {"label": label} | more)
        return row

    def fault(
        self, name: str, method: str = ".*", path: str = ".*", *, times: int | None = 1, seconds: float = 1
    ) -> None:
        """Let the next `times` requests that match go wrong; None is until cleared. path: a pattern, e.g. ^/v4/…$."""
        match = {"method": method, "path": path}
        body = {"match": match, "fault": name, "times": times, "seconds": seconds}
        self._admin("POST", "/admin/faults", body)

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._admin("DELETE", "/admin/faults")

    def requests(self, method: str = "", path: str = "") -> list[dict[str, Any]]:
        """What was asked of the API, oldest first; of this method, and with this in its path, if given."""
        entries: list[dict[str, Any]] = self._admin("GET", "/admin/requests")["data"]
        return [entry for entry in entries if method in ("", entry["method"]) and path in entry["path"]]

    def add_token(self, token: str, scopes: str, username: str = "daybox", expiry: str = "", account: str = "") -> None:
        """Make a token of this value: a weak one, an expired one (UTC, ISO), another user's, or another account's."""
        body = {"token": token, "scopes": scopes, "username": username, "account": account}
        self._admin("POST", "/admin/tokens", body | ({"expiry": expiry} if expiry else {}))

    def sign_in(self, address: str, **more: str) -> None:
        """Note that the owner signed in to the cloud's web page from this address, now if `datetime` says no other."""
        self._admin("POST", "/admin/logins", {"ip": address} | more)

    def revoke(self, token: str) -> None:
        """Take the token of this value away: its next use is a 401."""
        [row] = [row for row in self.json("GET", "/profile/tokens")["data"] if token.startswith(row["token"])]
        self.json("DELETE", f"/profile/tokens/{row['id']}")

    def _admin(self, method: str, path: str, body: object = None) -> Any:
        reply = self._send(method, path, body, {})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def _send(self, method: str, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        content = None if body is None else json.dumps(body)
        return self._client.request(method, f"{self.url}{path}", headers=headers, content=content)


def start_cloud(tmp_path: Path, *, boxes: bool = False) -> Cloud:
    """A local cloud of its own in `tmp_path`; call its `stop`. boxes: real ones, which need root and systemd-nspawn."""
    cloud = Cloud(tmp_path / "state", boxes)
    cloud.start()
    return cloud
