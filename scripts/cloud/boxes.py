"""What the API double asks of the boxes under it, and the paper kind: boxes that are only written down."""

import json
from pathlib import Path
from typing import Any, Literal, Protocol

from scripts.cloud.parts import remove

State = Literal["booting", "running", "offline", "gone"]


class Boxes(Protocol):
    """The boxes of one local cloud. They live on when the double dies; all they know lies in their own folder."""

    def create(
        self, box_id: int, *, label: str, user_data: bytes, authorized_keys: list[str], lassie: bool, api_port: int
    ) -> str:
        """Begin a box and give its IPv4 address; it boots on, this returns at once (under 0.3 s).

        user_data: as cloud-init reads it (not base64). api_port: where the double listens on 127.0.0.1.
        """

    def address(self, box_id: int) -> str | None:
        """The box's IPv4 address; None if there is no such box."""

    def state(self, box_id: int) -> State:
        """What the box is doing now."""

    def set_rules(self, box_id: int, inbound: list[dict[str, Any]], inbound_policy: str) -> None:
        """Hold these Linode firewall rules on the box's link. Comes before `create`: they hold from boot on."""

    def make_volume(self, volume_id: int, size_gib: int) -> None:
        """Have a volume of that size; one that is there grows."""

    def remove_volume(self, volume_id: int) -> None:
        """Delete a volume and all that is on it. One that is not there is no error."""

    def set_volumes(self, box_id: int, volumes: dict[str, int]) -> None:
        """Have exactly these volumes attached to the box, label -> id; it sees the change at once."""

    def set_lassie(self, box_id: int, on: bool) -> None:
        """Whether a box that powers itself off is booted again."""

    def boot(self, box_id: int) -> None:
        """Start a box that is off; returns at once."""

    def shutdown(self, box_id: int) -> None:
        """Power a box off for good (Lassie leaves it alone); returns at once."""

    def reboot(self, box_id: int) -> None:
        """Reboot a box; returns at once."""

    def delete(self, box_id: int) -> None:
        """End the box and remove all it had; done within 5 s. A box that is not there is no error."""


class PaperBoxes:
    """Boxes that are records only: for tests of the API and of Pulumi, without root."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(
        self, box_id: int, *, label: str, user_data: bytes, authorized_keys: list[str], lassie: bool, api_port: int
    ) -> str:
        """Write the box down as running; see Boxes."""
        address = self._free_address()
        facts = {"label": label, "lassie": lassie, "state": "running", "address": address}
        self._write(box_id, self._read(box_id) | facts)
        return address

    def address(self, box_id: int) -> str | None:
        """The address written down for the box."""
        return self._read(box_id).get("address")

    def state(self, box_id: int) -> State:
        """Running or offline, at once."""
        state: State = self._read(box_id).get("state", "gone")
        return state

    def set_rules(self, box_id: int, inbound: list[dict[str, Any]], inbound_policy: str) -> None:
        """Write the rules down, so that tests can read them in `paper.json`."""
        self._write(box_id, self._read(box_id) | {"inbound": inbound, "inbound_policy": inbound_policy})

    def make_volume(self, volume_id: int, size_gib: int) -> None:
        """Nothing is ever on it."""

    def remove_volume(self, volume_id: int) -> None:
        """Nothing was on it."""

    def set_volumes(self, box_id: int, volumes: dict[str, int]) -> None:
        """Write it down, so that tests can read it in `paper.json`."""
        self._write(box_id, self._read(box_id) | {"volumes": volumes})

    def set_lassie(self, box_id: int, on: bool) -> None:
        """Write it down; a paper box never powers itself off."""
        self._write(box_id, self._read(box_id) | {"lassie": on})

    def boot(self, box_id: int) -> None:
        """The box is running from now on."""
        self._write(box_id, self._read(box_id) | {"state": "running"})

    def shutdown(self, box_id: int) -> None:
        """The box is offline from now on."""
        self._write(box_id, self._read(box_id) | {"state": "offline"})

    def reboot(self, box_id: int) -> None:
        """The box is running again."""
        self.boot(box_id)

    def delete(self, box_id: int) -> None:
        """Tear the paper up, and what a killed cloud had begun to write."""
        remove(self._file(box_id).parent)

    def _free_address(self) -> str:
        # Loopback, not a documentation network: nobody answers there, and what is sent there never leaves this machine.
        taken = {self.address(int(path.parent.name)) for path in self.folder.glob("*/paper.json")}
        return next(f"127.100.0.{last}" for last in range(1, 255) if f"127.100.0.{last}" not in taken)

    def _file(self, box_id: int) -> Path:
        return self.folder / str(box_id) / "paper.json"

    def _read(self, box_id: int) -> dict[str, Any]:
        file = self._file(box_id)
        facts: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return facts

    def _write(self, box_id: int, facts: dict[str, Any]) -> None:
        file = self._file(box_id)
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(facts))
        draft.replace(file)
