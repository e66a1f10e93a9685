"""A client with daybox's values in its own files, started by its own name: `python -m … CLIENT FOLDER` prints JSON."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from playbooks.clients import CLIENTS
from playbooks.clients.client import Way
from playbooks.clients.merged import merge_way
from playbooks.clients.way import folder_of, write_files
from playbooks.keys import client_key
from stacks.values import named
from tests.e2e.leaks.box import STACK, row_box
from tests.e2e.leaks.hostile import Hostile
from tests.e2e.leaks.network import furnish
from tests.e2e.leaks.recorder import Recorder
from tests.e2e.leaks.row import Spec, elsewhere, lay_out
from tests.e2e.leaks.traps import Trap
from tests.playbooks.fake_vllm_protocols import SERVED, WINDOW

TASK = "Write the file made.py with one line that sets x to 1."
# With the words by which each refuses what it does not know, where it has any.
WORDS = {
    "claude": ("claude", "-p", TASK, "--permission-mode", "acceptEdits"),
    "codex": ("codex", "exec", "--strict-config", "--sandbox", "danger-full-access", TASK),
}


@dataclass
class Inside:
    """edited: the model's edit was made; elsewhere: contacts that were not the gateway; said: what it printed last."""

    status: int
    edited: bool
    elsewhere: list[str]
    said: str


def run(client: str, folder: Path) -> Inside:
    """Merge, and start it as its user does, with nothing of ours in its environment."""
    furnish(folder)
    Hostile().start()
    recorder = Recorder().start()
    box = row_box(folder / "box", (str(folder / "repository/made.py"), "x = 1\n"))
    os.environ |= {"HOME": str(folder / "home"), "DAYBOX_STATE": str(folder / "state")}
    environment = lay_out(Spec(client, "none", "unsealed", str(folder)), Trap("none"), folder, {})
    row, key = named(CLIENTS, client), client_key(STACK, client)
    base = f"http://127.0.0.1:{box.box.port}/v1"
    way = Way(base, key, SERVED, WINDOW, 4096, tools=True, catalog_name="coder", folder=folder_of(STACK, client))
    write_files(row, way)
    merge_way(STACK, row, way, folder / "home")
    box.open()
    recorder.contacts.clear()
    done = subprocess.run(
        WORDS[client],
        cwd=folder / "repository",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    strange, _ = elsewhere(list(recorder.contacts), box, recorder.opened)
    return Inside(done.returncode, (folder / "repository/made.py").is_file(), strange, done.stdout[-3000:])


if __name__ == "__main__":
    print(json.dumps(asdict(run(sys.argv[1], Path(sys.argv[2])))))
    sys.stdout.flush()
    os._exit(0)  # threads of servers are still at it
