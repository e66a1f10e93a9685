"""A box's keeper: a process of its own that boots the box, boots it again, and lives on when the cloud dies.

`python -m scripts.cloud.keeper FOLDER`. It asks nothing of the cloud; the two talk through files (box_folder.py).
"""

import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Literal

from scripts.cloud import block, cgroup, link, metadata
from scripts.cloud.box_folder import BoxFolder, Facts
from stacks.errors import CloudError

REBOOTED = 133  # systemd-nspawn's exit status when the system inside asked to be booted again
POWER_OFF, REBOOT = signal.SIGRTMIN + 4, signal.SIGRTMIN + 5  # as systemd takes them; see systemd(1), Signals
GRACE_SECONDS = 30  # then a box that was told to power off is cut off
LINK_SECONDS = 10
GLANCE_SECONDS = 0.2  # how often the cloud's wishes are read


def nspawn(facts: Facts, folder: BoxFolder) -> list[str]:
    """The command that boots the box."""
    handed_in = [f"--bind-ro={source}:/var/cache/daybox/{place}" for place, source in facts.handed_in.items()]
    return [
        "systemd-nspawn",
        f"--directory={folder.root}",
        f"--machine=dbx{facts.box_id}",
        *("--boot", "--register=no", "--keep-unit", "--network-veth"),
        *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--kill-signal=SIGRTMIN+4"),
        # Docker in the box needs both: it is a whole machine, not a jail. Trust a box as you trust its root.
        *("--capability=all", "--system-call-filter=add_key keyctl bpf"),
        f"--bind={folder.path / 'docker'}:/var/lib/docker",  # overlay2 does not lie on an overlay
        *handed_in,
    ]


# Without cgroup v2 inside, Docker finds its control groups read-only; its port mapping writes to /proc/sys/net.
ENVIRONMENT = {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}


class Keeper:
    """Keeps one box as the cloud wants it."""

    def __init__(self, folder: BoxFolder, facts: Facts) -> None:
        self.folder = folder
        self.facts = facts

    def keep(self) -> None:
        """Never returns: deleting a box kills its keeper."""
        while True:
            self._wait_until_wanted()
            ended = self._run()
            if ended != REBOOTED and self._wants("up"):
                self._powered_off_by_itself()
            self._answer("reboot", "up")

    def _run(self) -> int:
        """One boot, to its end. Returns systemd-nspawn's exit status."""
        self._say("booting")
        self.folder.mount(self.facts.rootfs)
        group = cgroup.folder(self.facts.box_id) / "box"
        group.mkdir(exist_ok=True)
        box = subprocess.Popen(
            nspawn(self.facts, self.folder),
            stdin=subprocess.DEVNULL,
            env={**os.environ, **ENVIRONMENT},
            # A group of its own: systemd-nspawn moves itself and the box about in it.
            preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),
        )
        if not self._dress_link(box):
            return self._watch(box)
        with metadata.served(self.folder, self.facts):
            self._say("running")
            return self._watch(box)

    def _dress_link(self, box: "subprocess.Popen[bytes]") -> bool:
        """Wait for the link and give it its address; False if the box ended before."""
        deadline = time.monotonic() + LINK_SECONDS
        while box.poll() is None and time.monotonic() < deadline:
            with suppress(OSError, subprocess.CalledProcessError):  # it is not there yet, or not any more
                link.dress(self.facts.link)
                return True
            time.sleep(0.005)
        return False

    def _watch(self, box: "subprocess.Popen[bytes]") -> int:
        """Wait for the box's end, and bring it about when the cloud asks for it."""
        ended, asked = select.poll(), None
        ended.register(os.pidfd_open(box.pid))
        while not ended.poll(GLANCE_SECONDS * 1000):
            self._plug(box)
            if self._wants("up"):
                continue
            asked = asked or time.monotonic()
            self._tell_init(box, REBOOT if self._wants("reboot") else POWER_OFF)
            if time.monotonic() - asked > GRACE_SECONDS:
                self._tell_init(box, signal.SIGKILL)
        return box.wait()

    def _plug(self, box: "subprocess.Popen[bytes]") -> None:
        """Have the attached volumes in the box's own /dev, once it has one: until then its first process sees ours."""
        if not self.folder.read("volumes.json"):
            return  # it never had one
        with suppress(OSError):  # it boots, or has just ended
            init = Path(f"/proc/{box.pid}/task/{box.pid}/children").read_text().split()[0:1]
            root = Path(f"/proc/{init[0] if init else box.pid}/root")
            is_its_own = root.stat().st_ino == self.folder.root.stat().st_ino and (root / "dev").is_mount()
            if is_its_own and root.stat().st_dev == self.folder.root.stat().st_dev:
                try:
                    block.plug(root / "dev", self.folder.volumes())
                except CloudError as error:
                    print(error.line(), file=sys.stderr, flush=True)

    def _tell_init(self, box: "subprocess.Popen[bytes]", number: int) -> None:
        """Signal the box's first process, again and again: while it boots, it does not listen yet."""
        children = Path(f"/proc/{box.pid}/task/{box.pid}/children")
        with suppress(OSError):  # it has just ended
            for init in children.read_text().split()[:1]:
                os.kill(int(init), number)

    def _powered_off_by_itself(self) -> None:
        """Lassie, Linode's watchdog, brings such a box back; without her it stays off."""
        self._say("offline")
        if self.folder.read("lassie") != "on":
            self._answer("up", "down")
            return
        deadline = time.monotonic() + self.facts.lassie_seconds
        while time.monotonic() < deadline and self._wants("up"):
            time.sleep(GLANCE_SECONDS)

    def _wait_until_wanted(self) -> None:
        while self._wants("down"):
            self._say("offline")
            time.sleep(GLANCE_SECONDS)

    def _wants(self, word: Literal["up", "down", "reboot"]) -> bool:
        return self.folder.read("want") == word

    def _answer(self, asked: str, done: str) -> None:
        """A wish is fulfilled: unless there is a newer one."""
        if self.folder.read("want") == asked:
            self.folder.write("want", done)

    def _say(self, state: Literal["booting", "running", "offline"]) -> None:
        if self.folder.read("state") != state:
            self.folder.write("state", state)


def main(path: Path) -> None:
    """Keep the box of this folder, if it has not been deleted meanwhile."""
    folder = BoxFolder(path)
    facts = folder.facts()
    if facts:
        Keeper(folder, facts).keep()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
