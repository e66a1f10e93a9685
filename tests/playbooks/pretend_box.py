"""A folder that stands for a box's file system, behind a real sshd: what follows a box reads and writes real files."""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from playbooks.report import OnBox
from playbooks.stages import Event
from stacks.box import Box
from stacks.ssh import Target, prepare
from tests.playbooks.own_sshd import OwnSshd

BOOT, NEXT_BOOT = "boot-1", "boot-2"
BOX = Box(
    stack="local",
    lease="20261121t080000z-abcd",
    cloud="local",
    api_url="http://127.0.0.1:9",
    instance_id=12345678,
    address="127.0.0.1",
    region="local",
    plan="local-cpu",
    usd_per_hour=0.1,
    price_source="127.0.0.1:9 2026-11-21",
    model="smollm2-135m",
    served_name="daybox-smollm2-135m",
    port=18_001,
    dies_at="2026-11-21T18:00:00Z",
    idle_minutes=30,
    host_key="ssh-ed25519 AAAA",
    bundle_sha256="b" * 64,
    login_key="/nowhere/login",
)


def began(stage: str, at: float, boot: str = BOOT) -> Event:
    """The event of a stage that starts."""
    return Event(stage, "start", at, boot)


def ended(stage: str, at: float, outcome: str = "done", word: str = "", boot: str = BOOT) -> Event:
    """The event of a stage that ends."""
    return Event(stage, "end", at, boot, outcome, word)


def ran(stage: str, start: float, end: float, outcome: str = "done", boot: str = BOOT) -> list[Event]:
    """Both events of one attempt."""
    return [began(stage, start, boot), ended(stage, end, outcome, boot=boot)]


def whole_run(boot: str = BOOT, start: float = 1000.0) -> list[Event]:
    """A graph that became ready: driver 1 s, docker 2 s, image 3 s, weights 4 s, vllm 1 s, ready 9 s."""
    rows = [
        *[("driver", 0, 1), ("docker", 0, 2), ("weights", 0, 4)],
        *[("image", 2, 5), ("vllm", 5, 6), ("ready", 6, 15)],
    ]
    events = [event for stage, a, b in rows for event in ran(stage, start + a, start + b, boot=boot)]
    return sorted(events, key=lambda event: event.at)


@dataclass(frozen=True)
class PretendBox:
    """The folder, and how ssh reaches it."""

    root: Path
    sshd: OwnSshd

    @property
    def onbox(self) -> OnBox:
        """Where things lie on it."""
        return OnBox(PurePosixPath(self.root), PurePosixPath(self.root / "boot_id"))

    def target(self, host_key: str = "") -> Target:
        """The box as ssh reaches it. host_key: another pin than the right one."""
        keys = (host_key or self.sshd.host_key,)
        return prepare(Target("local", "127.0.0.1", BOX.alias, self.sshd.login_key, keys, self.sshd.port))

    def boot(self, boot: str) -> None:
        """Have this boot id from now on."""
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / "boot_id").write_text(f"{boot}\n")

    def write(self, *events: Event) -> None:
        """Append events, as the box's programs do."""
        path = Path(self.onbox.events)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.writelines(json.dumps(vars(event)) + "\n" for event in events)

    def program(self, path: PurePosixPath, text: str) -> None:
        """Put a program onto it."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
        Path(path).chmod(0o755)
