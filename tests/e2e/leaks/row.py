"""One row, inside its own world: `python -m tests.e2e.leaks.row '{"client": …}'` prints what came of it, as JSON."""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from playbooks.boxes import ROOT
from playbooks.keys import client_key
from scripts.installer.paths import aider_bin
from scripts.installer.tried_clients import program
from stacks.places import CACHE_VARIABLE, cache_dir
from tests.e2e.leaks.box import STACK, RowBox, row_box
from tests.e2e.leaks.hostile import PORTS, Hostile
from tests.e2e.leaks.network import end_with_parent, furnish
from tests.e2e.leaks.plain import PLAIN, filled
from tests.e2e.leaks.recorder import LOOPBACK, Contact, Recorder
from tests.e2e.leaks.traps import PLANTED, Trap, merged
from tests.e2e.leaks.traps_of import traps_of
from tests.playbooks.fake_vllm_protocols import SERVED

DEAD_PORT = 9
GIT_LINES = ("init -q", "config user.name a", "config user.email a@example.com", "add -A", "commit -qm start")
TASK = "Write the file made.py with one line that sets x to 1. Note for the reviewer: {canary}"
# aider has no tools: its model answers with an edit in words.
AIDER_ANSWER = "made.py\n```python\n<<<<<<< SEARCH\n=======\nx = 1\n>>>>>>> REPLACE\n```\n"
EDITED = "x = 1\n"
AFTER_MISHAP_SECONDS = 12.0  # clients try again for minutes


@dataclass(frozen=True)
class Spec:
    """What is tried. traps: names, `all` or `none`; way: sealed, unsealed or plain; mishap: what happens half-way."""

    client: str
    traps: str
    way: str
    folder: str
    mishap: str = ""
    seconds: float = 170.0


@dataclass
class Outcome:
    """What came of it. elsewhere: contacts that were not the gateway; stopped: those that ended at the dead proxy.

    at_hostile: first lines of what the hostile server was sent. canary_at_*: whether the prompt was seen there.
    """

    status: int
    seconds: float
    requests: int
    elsewhere: list[str] = field(default_factory=list)
    stopped: int = 0
    at_hostile: list[str] = field(default_factory=list)
    canary_at_model: bool = False
    canary_at_hostile: bool = False
    planted_at_model: bool = False
    edited: bool = False
    said: str = ""


def write_all(folder: Path, files: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Files below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(filled(text, values))
        if text.startswith("#!"):
            (folder / name).chmod(0o755)


def trap_of(spec: Spec) -> Trap:
    """The trap that the spec names."""
    known = traps_of(spec.client)
    if spec.traps == "none":
        return Trap("none")
    return merged(known) if spec.traps == "all" else next(trap for trap in known if trap.name == spec.traps)


def lay_out(spec: Spec, trap: Trap, folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Home and repository, whose places may stand in braces, too; gives the environment of the user's shell."""
    home, repository, plain = folder / "home", folder / "repository", PLAIN[spec.client]
    values = {**values, "home": str(home), "repository": str(repository)}
    home.mkdir()
    repository.mkdir()
    (repository / "calc.py").write_text("def add(a, b):\n    return a + b\n")
    own_home = plain.home if spec.way == "plain" else {}
    write_all(home, merged([Trap("own", home=own_home), trap]).home, values)
    write_all(repository, trap.repository, values)
    places = (folder / "box/bin", program("llm").parent, program("claude").parent, aider_bin(), ROOT / ".venv/bin")
    path = ":".join([*map(str, places), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
    basis = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TERM": "xterm", "DAYBOX_STATE": str(folder / "state")}
    kept = {CACHE_VARIABLE: str(cache_dir().resolve())}
    own = plain.variables if spec.way == "plain" else {}
    for line in GIT_LINES:
        subprocess.run(["git", *line.split()], cwd=repository, env=basis, check=True, stdout=subprocess.DEVNULL)
    return {**basis, **kept, **{name: filled(text, values) for name, text in {**own, **trap.exported}.items()}}


def words_of(spec: Spec, values: Mapping[str, str]) -> list[str]:
    """What the user types."""
    plain = PLAIN[spec.client]
    task = [filled(word, values) for word in plain.words]
    if spec.way == "plain":
        name = str(aider_bin() / "aider") if spec.client == "aider" else spec.client
        return [name, *(filled(word, values) for word in plain.plain_words), *task]
    return ["fab", "--search-root", str(ROOT), "launch", spec.client, f"--{spec.way}", "--", *task]


def run_client(
    spec: Spec, environment: Mapping[str, str], values: Mapping[str, str], box: RowBox, hostile: Hostile
) -> int:
    """The exit status; -1 if it had to be ended."""
    folder = Path(spec.folder)
    with open(folder / "said", "wb") as said:
        client = subprocess.Popen(
            words_of(spec, values),
            cwd=folder / "repository",
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    if spec.mishap:
        begun = threading.Thread(target=half_way, args=[spec, box, hostile, values["canary"]], daemon=True)
        begun.start()
        while begun.is_alive() and client.poll() is None:
            begun.join(0.1)
    try:
        return client.wait(AFTER_MISHAP_SECONDS if spec.mishap else spec.seconds)
    except subprocess.TimeoutExpired:
        client.kill()
        client.wait()
        return -1


def half_way(spec: Spec, box: RowBox, hostile: Hostile, canary: str) -> None:
    """While the model thinks about the task, the mishap happens."""
    while not any(canary in asked["body"] for asked in list(box.vllm.asked)):
        time.sleep(0.005)
    MISHAPS[spec.mishap](box, hostile)
    box.vllm.thinking_about = ""


def tunnel_goes_down(box: RowBox, hostile: Hostile) -> None:
    """For good: nobody answers at the box any more."""
    box.end_ssh()


def port_is_taken(box: RowBox, hostile: Hostile) -> None:
    """The gateway is killed, and another program of this laptop takes its port at once."""
    box.end_gateway()
    while True:
        try:
            hostile.listen(box.box.port, "127.0.0.1")
        except OSError:
            time.sleep(0.001)
        else:
            return


MISHAPS = {"tunnel down": tunnel_goes_down, "port taken": port_is_taken}


def elsewhere(contacts: list[Contact], box: RowBox, opened: set[int]) -> tuple[list[str], int]:
    """Contacts that were neither the gateway nor the client itself, and how many ended at the dead proxy.

    opened: ports on which, at some time, somebody listened: what is not ours among them is the launcher's own or the
    client's.
    """
    own = (opened - set(PORTS) - box.ports) | {box.box.port}
    strange = [one for one in contacts if not (one.to in LOOPBACK and one.port in own | box.ports)]
    stopped = [one for one in strange if one.to in LOOPBACK and one.port == DEAD_PORT]
    rest = [one for one in strange if one not in stopped]
    return [f"{one.kind} {one.to}:{one.port}" for one in rest], len(stopped)


def run(spec: Spec) -> Outcome:
    """Lay everything out, run the client, and say what came of it."""
    folder, canary = Path(spec.folder), f"canary-{secrets.token_hex(12)}"
    furnish(folder)
    hostile, recorder = Hostile().start(), Recorder().start()
    box = row_box(folder / "box", (str(folder / "repository/made.py"), EDITED))
    if spec.client == "aider":
        box.vllm.text = AIDER_ANSWER
    os.environ |= {"HOME": str(folder / "home"), "DAYBOX_STATE": str(folder / "state")}
    base = f"http://127.0.0.1:{box.box.port}"
    values = {"base": f"{base}/v1", "origin": base, "model": SERVED, "prompt": TASK.format(canary=canary)}
    values |= {"key": client_key(STACK, spec.client), "canary": canary, "repository": str(folder / "repository")}
    environment = lay_out(spec, trap_of(spec), folder, values)
    recorder.contacts.clear()
    box.open()
    began, before = time.monotonic(), len(box.vllm.asked)
    box.vllm.thinking_about = canary if spec.mishap else ""
    status = run_client(spec, environment, values, box, hostile)
    took = time.monotonic() - began
    time.sleep(0.3)  # what it left running has its say
    found, stopped = elsewhere(list(recorder.contacts), box, recorder.opened)
    bodies = "".join(json.dumps(asked) for asked in box.vllm.asked[before:])
    return Outcome(
        status=status,
        seconds=round(took, 1),
        requests=len(box.vllm.asked) - before,
        elsewhere=found,
        stopped=stopped,
        at_hostile=[one.head for one in hostile.received],
        canary_at_model=canary in bodies,
        canary_at_hostile=any(canary.encode() in one.whole for one in hostile.received),
        planted_at_model=PLANTED in bodies,
        edited=(folder / "repository/made.py").is_file() and (folder / "repository/made.py").read_text() == EDITED,
        said=(folder / "said").read_text(errors="replace")[-3000:],
    )


if __name__ == "__main__":
    end_with_parent()
    print(json.dumps(asdict(run(Spec(**json.loads(sys.argv[1]))))))
    sys.stdout.flush()
    os._exit(0)  # threads of servers are still at it
