"""A folder that looks like a box to the on-box programs: their root, and the commands they find on PATH."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from templates import program

FACTS = {
    "image": {"name": "example/vllm:1", "tar": ""},
    "model": {"name": "tiny", "hub_id": "some/tiny", "revision": "main", "served": "daybox-tiny"},
}


@dataclass
class OnBox:
    """`root` stands for `/`; `commands` comes first on PATH; `environment` is given to every program."""

    root: Path
    commands: Path
    environment: dict[str, str] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """A file of the box, its folder made."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.path(name)
        path.write_text(text)
        path.chmod(mode)
        return path

    def facts(self, **changes: dict[str, str]) -> None:
        """facts.json, with some of its parts changed."""
        parts = {key: {**FACTS.get(key, {}), **changes.get(key, {})} for key in FACTS | changes}
        self.write("opt/daybox/facts.json", json.dumps({"hub": "https://hub.invalid", **parts}))

    def install(self, name: str, text: str = "") -> Path:
        """The on-box program `name`, as a box gets it; or another text in its place."""
        for module in ("watchdog_api", "watchdog_rules", "watchdog_words"):
            self.write(f"opt/daybox/bin/templates/box/{module}.py", program(module))
        return self.write(f"opt/daybox/bin/{name}", text or program(name), 0o755)

    def command(self, name: str, script: str) -> None:
        """A command on PATH, in sh; every call of it is noted."""
        text = f'#!/bin/sh\necho "{name} $*" >>{self.commands}/calls\n{script}\n'
        path = self.commands / name
        path.write_text(text)
        path.chmod(0o755)

    def calls(self) -> list[str]:
        noted = self.commands / "calls"
        return noted.read_text().splitlines() if noted.exists() else []

    def run(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program of ours to its end."""
        whole = [str(self.install(name)), *words]
        environment = self.full_environment()
        return subprocess.run(whole, env=environment, capture_output=True, text=True, check=False, timeout=60)

    def full_environment(self) -> dict[str, str]:
        path = f"{self.commands}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "DAYBOX_ROOT": str(self.root), **self.environment}

    def events(self) -> list[dict[str, Any]]:
        noted = self.root / "var/lib/daybox/stages.jsonl"
        return [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []


@pytest.fixture
def onbox(tmp_path: Path) -> OnBox:
    """A box on which nothing has happened yet."""
    box = OnBox(tmp_path / "root", tmp_path / "commands")
    box.commands.mkdir()
    (box.commands / "python3").symlink_to(sys.executable)  # not a version manager's slow stand-in
    box.path("var/lib/daybox/nothing")
    box.facts()
    return box
