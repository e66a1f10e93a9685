"""One box on disk: everything the cloud and the box's keeper know, so that either may die and start again.

box.json   its facts, written once          want    up, down or reboot: what the cloud asks of the keeper
rules.json its firewall                     state   what the keeper says it is doing
lassie     on or off                        log     the keeper's and the box's console
volumes.json what is attached, label -> file
disk/      the box's own part of its file system; root/ is where it is mounted; docker/ is /var/lib/docker
"""

import json
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.cloud.link import Link
from stacks.errors import CloudError

OWN_FOLDERS = ("disk/upper", "disk/work", "root", "docker")


@dataclass(frozen=True)
class Facts:
    """What never changes in a box's life. rootfs, handed_in: what is mounted, place in the box -> folder here."""

    box_id: int
    label: str
    subnet: int
    api_port: int
    lassie_seconds: float
    rootfs: str
    handed_in: dict[str, str]

    @property
    def link(self) -> Link:
        """The box's link."""
        return Link(self.box_id, self.subnet, self.api_port)


@dataclass(frozen=True)
class BoxFolder:
    """The folder of one box."""

    path: Path

    @property
    def root(self) -> Path:
        """Where the box's file system is mounted while the box exists."""
        return self.path / "root"

    @property
    def log(self) -> Path:
        """What keeper and console said."""
        return self.path / "log"

    def make(self) -> None:
        """Have the empty folders."""
        for name in OWN_FOLDERS:
            (self.path / name).mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)  # user-data is in it
        (self.path / "disk/upper").chmod(0o755)  # whatever our umask: the box's own `/` has its mode

    def facts(self) -> Facts | None:
        """The box's facts; None if there is no such box."""
        text = self.read("box.json")
        return Facts(**json.loads(text)) if text else None

    def write_facts(self, facts: Facts) -> None:
        """From now on the box exists."""
        self.write("box.json", json.dumps(asdict(facts)))

    def rules(self) -> tuple[list[dict[str, Any]], str] | None:
        """Inbound rules and policy, as the API has them; None if none were ever given."""
        text = self.read("rules.json")
        return tuple(json.loads(text)) if text else None

    def volumes(self) -> dict[str, str]:
        """The volumes that are attached: label -> file here."""
        found: dict[str, str] = json.loads(self.read("volumes.json") or "{}")
        return found

    def read(self, name: str) -> str:
        """A small file's text; empty if it is not there."""
        try:
            return (self.path / name).read_text()
        except OSError:
            return ""

    def write(self, name: str, text: str) -> None:
        """Put a small file there, whole or not at all."""
        draft = self.path / f".{name}.new"
        draft.write_text(text)
        draft.replace(self.path / name)

    def mount(self, rootfs: str) -> None:
        """Lay the box's own disk over the shared root file system, unless it lies there. Raises CloudError."""
        if not self.root.is_mount():
            upper, work = self.path / "disk/upper", self.path / "disk/work"
            shutil.rmtree(work)  # after a crash of this machine it refuses what was mounted volatile
            work.mkdir()
            # volatile: nothing is synced. A pretended box may lose its disk when this machine loses power, and need not
            # wait for all that others write on this disk whenever it boots or ends.
            layers = f"lowerdir={rootfs},upperdir={upper},workdir={work},volatile"
            self._do("mount", "-t", "overlay", "-o", layers, "daybox")

    def remove(self) -> None:
        """Unmount and delete everything. Raises CloudError if something holds it."""
        while self.root.is_mount():
            self._do("umount")
        shutil.rmtree(self.path)

    def _do(self, *words: str) -> None:
        done = subprocess.run([*words, self.root], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CloudError(
                f"{self.root}: {words[0]}: {done.stderr.strip()}",
                hint="it must lie on a file system like ext4 (see DAYBOX_STATE), and nothing may be at work in it",
            )
