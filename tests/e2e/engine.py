"""The real Pulumi engine over a small program, with the stand-in of the linode provider first on PATH."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.installer.paths import pulumi_bin
from tests.cloud import CHECKOUT

PROVIDER_FOLDER = CHECKOUT / "scripts/cloud/provider/bin"
PROJECT = "name: lease\nruntime: python\noptions: {refresh: always}\n"
SETTINGS = "LEASE_SETTINGS"


@dataclass
class Engine:
    """One project with one stack, `s`, in a folder of its own. program: the text of its __main__.py."""

    folder: Path
    program: str

    def __post_init__(self) -> None:
        for name in ("home", "state", "project"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "project/Pulumi.yaml").write_text(PROJECT)
        (self.folder / "project/__main__.py").write_text(self.program)
        self.run("stack", "init", "s")

    def environment(self, **settings: object) -> dict[str, str]:
        """What the engine sees; settings: what the program reads, as JSON."""
        path = [str(PROVIDER_FOLDER), str(pulumi_bin()), str(Path(sys.executable).parent), os.environ["PATH"]]
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("LINODE_", "PULUMI_"))}
        return ours | {
            "PATH": os.pathsep.join(path),
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            SETTINGS: json.dumps(settings),
        }

    def run(self, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """One command of the engine, to its end."""
        return subprocess.run(
            ["pulumi", *words, "--non-interactive"],
            cwd=self.folder / "project",
            env=self.environment(**settings),
            capture_output=True,
            text=True,
            timeout=120,
        )

    def up(self, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """`pulumi up`."""
        return self.run("up", "--yes", "--skip-preview", *words, **settings)

    def destroy(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`pulumi destroy`."""
        return self.run("destroy", "--yes", "--skip-preview", *words)

    def preview(self, *words: str, **settings: object) -> dict[str, Any]:
        """`pulumi preview`, as data."""
        done = self.run("preview", "--json", *words, **settings)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def resources(self, *words: str) -> dict[str, dict[str, Any]]:
        """Name of each resource in the state -> the resource."""
        state = json.loads(self.run("stack", "export", *words).stdout)
        return {entry["urn"].rsplit("::", 1)[1]: entry for entry in state["deployment"].get("resources", [])}
