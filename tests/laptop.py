"""A newcomer's laptop for end-to-end tests: a fresh checkout, a state of its own, commands as they are typed."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.cloud import CHECKOUT, Cloud, start_cloud

NOT_COPIED = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache")
LONGEST_SECONDS = 280
SETTINGS = ("LINODE_", "PULUMI_", "DAYBOX_", "HF_")  # of whoever runs the tests: none of it may take part


@dataclass
class Laptop:
    """One checkout with its own DAYBOX_STATE, and the local cloud it rents from."""

    root: Path
    cloud: Cloud
    state: Path
    stack: str = "local"
    more: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """What a fresh login shell has, and nothing of daybox's but where its state and cache are."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
        cache = {"DAYBOX_CACHE": os.environ["DAYBOX_CACHE"]} if "DAYBOX_CACHE" in os.environ else {}
        own = {"DAYBOX_STATE": str(self.state), "LINODE_CLI_CONFIG": os.devnull}
        return kept | cache | own | self.more | more

    def start(self, line: str, cwd: Path | None = None, **more: str) -> subprocess.Popen[str]:
        """Begin a command line in a bash that has sourced scripts/env; in a process group of its own."""
        return self._begin(line, cwd, more, subprocess.DEVNULL)

    def start_typed(self, line: str) -> subprocess.Popen[str]:
        """Begin a command line to which the test types, as `start` does."""
        return self._begin(line, None, {}, subprocess.PIPE)

    def _begin(self, line: str, cwd: Path | None, more: dict[str, str], stdin: int) -> subprocess.Popen[str]:
        script = f"cd {self.root} && source scripts/env {self.stack} >&2 && cd {cwd or self.root} && {line}"
        pipe = subprocess.PIPE
        return subprocess.Popen(
            ["bash", "-c", script],
            env=self.environment(**more),
            stdin=stdin,
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    def run(self, line: str, cwd: Path | None = None, **more: str) -> "Done":
        """Type a command line and wait for it."""
        process = self.start(line, cwd, **more)
        out, err = all_said(process)
        return Done(line, process.returncode, out, err)

    def must(self, line: str, cwd: Path | None = None, **more: str) -> str:
        """What a command that must succeed prints on stdout."""
        return self.run(line, cwd, **more).ok().out

    def up(self, *words: str) -> "Done":
        """`pulumi up` of its stack."""
        return self.run(" ".join(["pulumi up -s", self.stack, "--yes --non-interactive", *words]))

    def destroy(self) -> "Done":
        """`pulumi destroy` of its stack."""
        return self.run(f"pulumi destroy -s {self.stack} --yes --non-interactive")

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs."""
        outputs: dict[str, Any] = json.loads(self.must(f"pulumi stack output --json -s {self.stack}"))
        return outputs

    def set(self, **settings: str) -> None:
        """`pulumi config set` for each."""
        for key, value in settings.items():
            self.must(f"pulumi config set -s {self.stack} daybox:{key} '{value}'")

    @contextmanager
    def settings_put_back(self) -> Iterator[None]:
        """The stack's file is afterwards what it was."""
        file = self.root / f"stacks/Pulumi.{self.stack}.yaml"
        before = file.read_text()
        try:
            yield
        finally:
            file.write_text(before)

    def on_box(self, command: str, stdin: str = "") -> str:
        """What a command that must succeed prints on the box, over the pinned ssh."""
        folder = self.state / "stacks" / self.stack
        alias = (folder / "known_hosts").read_text().split()[0]
        words = ["ssh", "-F", str(folder / "ssh_config"), alias, "--", command]
        done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stderr}"
        return done.stdout

    def ask(self) -> httpx.Response:
        """One completion through gateway and tunnel, with the key of a client that has been there."""
        outputs = self.outputs()
        [key, *_] = json.loads((self.state / f"stacks/{self.stack}/tunnel/keys.json").read_text()).values()
        body = {"model": outputs["servedName"], "messages": [{"role": "user", "content": "hello"}], "max_tokens": 1}
        url = f"http://127.0.0.1:{outputs['port']}/v1/chat/completions"
        with httpx.Client(trust_env=False, timeout=30) as client:
            return client.post(url, json=body, headers={"Authorization": f"Bearer {key}"})

    def end_orphans(self) -> None:
        """End what a killed Pulumi leaves behind: its plugins and its language host run on for good.

        The cloud and its boxes, which know the same state, live on.
        """
        mark = f"DAYBOX_STATE={self.state}\0".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if mark in (folder / "environ").read_bytes() and b"pulumi" in (folder / "cmdline").read_bytes():
                    os.kill(int(folder.name), 9)

    def instances(self) -> list[dict[str, Any]]:
        """What the account lists."""
        rows: list[dict[str, Any]] = self.cloud.json("GET", "/linode/instances")["data"]
        return rows


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    line: str
    status: int
    out: str
    err: str

    def ok(self) -> "Done":
        """Itself, if it succeeded."""
        assert self.status == 0, f"{self.line}: {self.status}\n{self.out[-4000:]}\n{self.err[-4000:]}"
        return self

    def failed(self) -> str:
        """All it said, if it failed: exit 0 on failure is a fault by itself."""
        assert self.status != 0, f"{self.line} succeeded:\n{self.out[-4000:]}"
        return self.out + self.err


def all_said(process: subprocess.Popen[str]) -> tuple[str, str]:
    """All that a program, which leads its own group, says to its end; killed with the group if it takes too long."""
    try:
        return process.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        raise AssertionError(f"{process.args!r}: not done in {LONGEST_SECONDS} s\n{out}\n{err}") from None


def new_laptop(folder: Path, *, boxes: bool = True, stack: str = "local", **more: str) -> Laptop:
    """A fresh checkout in `folder` with a local cloud of its own. boxes: real ones."""
    cloud = start_cloud(folder, boxes=boxes)
    return Laptop(checkout(folder), cloud, cloud.state_dir, stack, dict(more))


def another_laptop(folder: Path, first: Laptop) -> Laptop:
    """Somebody else's: its own checkout, state and owner, the same account."""
    return Laptop(checkout(folder), first.cloud, folder / "state", first.stack, dict(first.more))


def checkout(folder: Path) -> Path:
    """A copy of this checkout, with its libraries."""
    root = folder / "daybox"
    shutil.copytree(CHECKOUT, root, ignore=NOT_COPIED)
    (root / ".venv").symlink_to(CHECKOUT / ".venv")
    return root


def linode_settings(cloud: Cloud) -> dict[str, str]:
    """What a Linode stack needs to be rented from the local cloud."""
    return {"url": cloud.url, "sshFrom": "198.51.100.0/24"}


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """What `condition` gives, once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)
    return found
