"""What a test tells of one try, and what it must have come to."""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.installer.paths import aider_bin
from scripts.installer.tried_clients import program
from tests.e2e.leaks.network import run_in_world
from tests.e2e.leaks.plain import PLAIN

ROW_SECONDS = 240
WHO = (
    "GET /daybox?nonce="  # who are you? `fab` asks whoever has the gateway's port, and sends nothing before it is told
)


@dataclass(frozen=True)
class Tried:
    """What came of one try; the fields are those of row.Outcome."""

    client: str
    found: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.found[name]

    def cell(self, way: str) -> str:
        """For the table: how many contacts were not the gateway, and whether the prompt was among what was sent.

        Stopped are those that ended at the dead proxy, where nobody listens.
        """
        number = len(self.found["elsewhere"])
        if way != "plain":
            return f"{number} ({stopped} stopped)" if (stopped := self.found["stopped"]) else str(number)
        if not number:
            return "0: holds by itself" if self.found["canary_at_model"] else "0: does not start"
        return f"{number}, the prompt among them" if self.found["canary_at_hostile"] else str(number)

    def strange(self) -> dict[str, object]:
        """All that would be a leak, or shows that the test itself was none. Empty if all is well."""
        wrong: dict[str, object] = {
            "contacts elsewhere": dict(Counter(self.found["elsewhere"])),
            "sent to the hostile server": [head for head in self.found["at_hostile"] if not head.startswith(WHO)],
            "a foreign key sent to the box": self.found["planted_at_model"],
        }
        return {name: value for name, value in wrong.items() if value}

    def undone(self) -> dict[str, object]:
        """What of the task was not done. Empty if all was."""
        edits = PLAIN[self.client].edits
        wrong = {"status": self.found["status"], "the prompt did not arrive": not self.found["canary_at_model"]}
        wrong["no edit"] = edits and not self.found["edited"]
        return {name: value for name, value in wrong.items() if value}


def installed(client: str) -> bool:
    """Whether set-up has brought it."""
    return (aider_bin() / "aider" if client == "aider" else program(client)).exists()


def try_one(client: str, traps: str, way: str, folder: Path, mishap: str = "") -> Tried:
    """Try a client in a world of its own. Raises RuntimeError if the world itself broke."""
    folder.mkdir(parents=True)
    spec = {"client": client, "traps": traps, "way": way, "folder": str(folder), "mishap": mishap}
    try:
        done = run_in_world("tests.e2e.leaks.row", [json.dumps(spec)], ROW_SECONDS)
        return Tried(client, json.loads(done.stdout.splitlines()[-1]))
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        said = getattr(error, "stderr", None) or (done.stderr if "done" in locals() else "")
        raise RuntimeError(f"{client}, {traps}, {way}: the world broke: {said!s:.3000}") from error
