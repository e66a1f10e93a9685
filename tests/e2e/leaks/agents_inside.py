"""An agent in a row's world: `python -m tests.e2e.leaks.agents_inside CLIENT FOLDER` prints what came of it, as JSON.

What a row does not ask: whether the agent reads the repository's own words for it, which environment the commands of
its model have, and what it leaves running.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from playbooks.keys import client_key
from tests.e2e.leaks.box import STACK, row_box
from tests.e2e.leaks.network import furnish
from tests.e2e.leaks.row import Spec, lay_out, words_of
from tests.e2e.leaks.traps import Trap
from tests.playbooks import fake_vllm_protocols
from tests.playbooks.fake_vllm_protocols import SERVED, SHELLS, Json, tools_of

MARK = "say-marmalade"
REPOSITORY = {"AGENTS.md": f"Always {MARK}.\n"}
ENVIRONMENT = "environment.txt"


@dataclass
class Inside:
    """read: the repository's AGENTS.md was in a prompt. environment: of a command of the model's; key_in: the names of
    those of its variables that hold the client's key. left: programs that outlive the client; said: what it printed
    last.
    """

    status: int
    read: bool
    environment: dict[str, str]
    key_in: list[str]
    left: list[str]
    said: str


def started_by(client: str) -> list[str]:
    """Programs of this world that the client started, or is: by the folder that stands in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"/clients/{client}".encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [words for words in found if words]  # what has ended and is not yet waited for has none


def run(client: str, folder: Path) -> Inside:
    """Have its model run one command that writes its environment down."""
    fake_vllm_protocols.call_of = shell_call
    furnish(folder)
    file = folder / "repository" / ENVIRONMENT
    box = row_box(folder / "box", (str(file), ""))
    os.environ |= {"HOME": str(folder / "home"), "DAYBOX_STATE": str(folder / "state")}
    spec = Spec(client, "none", "unsealed", str(folder))
    values = {"model": SERVED, "prompt": "Write the environment down."}
    environment = lay_out(spec, Trap("none", REPOSITORY), folder, values)
    box.open()
    with open(folder / "said", "wb") as said:  # no pipe: what outlives the client would hold it
        words = words_of(spec, values)
        nowhere, both = subprocess.DEVNULL, subprocess.STDOUT
        client_process = subprocess.run(
            words, cwd=folder / "repository", env=environment, stdin=nowhere, stdout=said, stderr=both, check=False
        )
    key = client_key(STACK, client)
    pairs = file.read_text().split("\0")[:-1] if file.is_file() else []
    seen = dict(pair.split("=", 1) for pair in pairs)
    return Inside(
        status=client_process.returncode,
        read=any(MARK in asked["body"] for asked in box.vllm.asked),
        environment=seen,
        key_in=[name for name, value in seen.items() if key in value],
        left=started_by(client),
        said=(folder / "said").read_text(errors="replace")[-3000:],
    )


def shell_call(body: Json, path: str, content: str) -> tuple[str, Json] | None:
    """The call of this agent's shell that writes its environment into `path`."""
    command = f"env -0 > {path}"
    for tool in tools_of(body):
        if tool.name in SHELLS:
            many = "commands" in tool.properties
            return tool.name, {"commands": [command]} if many else {"command": command, "description": "write it down"}
    return None


if __name__ == "__main__":
    print(json.dumps(asdict(run(sys.argv[1], Path(sys.argv[2])))))
    sys.stdout.flush()
    os._exit(0)  # threads of servers are still at it
