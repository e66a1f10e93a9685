"""What a doctor asks of this laptop's set-up: programs and their versions, the state folder, its secrets, variables."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from playbooks.boxes import ROOT
from playbooks.clients.client import Place
from playbooks.doctor_check import Finding, Question, no_matter, ok, unknown, wrong
from playbooks.doctor_clients import keys_set
from stacks.errors import ConfigError
from stacks.places import state_dir

PULUMI_FLOOR, PULUMI_NEXT = (3, 259, 0), (4,)  # scripts/installer/pins.py says why; a test compares them
PROGRAM_SECONDS = 30
SET_UP = "run: scripts/setup"
PATH = "PATH"
# Each silently wins over what `source scripts/env` sets, which therefore unsets it.
OVERRIDES = ("PULUMI_CONFIG_PASSPHRASE", "LINODE_URL", "LINODE_API_VERSION", "LINODE_CONFIG", "LINODE_CA")
# What is secret in the state folder; what is not below is ciphertext, public, or no secret.
SECRETS = (
    *("passphrase", "sweep/token", "stacks/*/*_ed25519", "stacks/*/box_key"),
    *("stacks/*/tunnel/keys.json", "stacks/*/tunnel/key-*", "stacks/*/tunnel/witness", "stacks/*/clients/*"),
    "own/*/record.json",
)


def libraries(_: Place) -> Finding:
    """The Python that runs this, and the libraries that requirements.txt pins."""
    pins = re.findall(r"^([\w.-]+)==([\w.+!-]+)(.*)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    # A pin with a marker is for some systems only, so it may be missing, and may come twice.
    other = [
        f"{name} {installed(name) or 'missing'}, not {pin}" for name, pin, marker in pins if differs(name, pin, marker)
    ]
    python = ".".join(map(str, sys.version_info[:3]))
    if other:
        return wrong(f"{len(other)} of {len(pins)} libraries are not as pinned: {', '.join(other)}", SET_UP)
    return ok(f"Python {python}, {len(pins)} libraries as pinned")


def differs(name: str, pin: str, marker: str) -> bool:
    """Whether the library is another version than pinned."""
    return ";" not in marker and installed(name) != pin


def installed(name: str) -> str:
    """The version of a library here; empty if it is not."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def pulumi(about: Place) -> Finding:
    """The Pulumi CLI and its language host."""
    missing = [name for name in ("pulumi", "pulumi-language-python") if not shutil.which(name)]
    if missing:
        return wrong(f"{' and '.join(missing)}: not on PATH", "source scripts/env")
    said = first_words("pulumi", "version")
    found = tuple(map(int, re.findall(r"\d+", said)[:3]))
    if not found:
        return unknown(f"pulumi does not say its version: {said or 'nothing'}", SET_UP)
    if not PULUMI_FLOOR <= found < PULUMI_NEXT:
        floor = ".".join(map(str, PULUMI_FLOOR))
        return wrong(f"pulumi {said} is not {floor} or a later 3", SET_UP)
    return ok(f"pulumi {said}")


def ssh(_: Place) -> Finding:
    """OpenSSH's client, which carries everything."""
    missing = [name for name in ("ssh", "ssh-keygen") if not shutil.which(name)]
    if missing:
        return wrong(f"{' and '.join(missing)}: not on PATH", "install OpenSSH's client")
    said = first_words("ssh", "-V")
    if not said.startswith("OpenSSH"):
        return wrong(f"ssh says: {said or 'nothing'}", "install OpenSSH's client")
    return ok(said)


def first_words(*words: str) -> str:
    """The first line that a program says, on either stream; empty if it says nothing in time."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PROGRAM_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ((done.stdout.strip() or done.stderr.strip()).splitlines() or [""])[0]


def state(about: Place) -> Finding:
    """The state folder and every secret in it, and the files of your own that hold a client's key: yours alone."""
    folder = state_dir()
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return wrong(f"{folder}: you cannot write there", "whose is it? `ls -ld` it, or set DAYBOX_STATE")
    if loose := sorted({*open_to_others(folder), *open_keys(about.home)}):
        words = " ".join(map(str, loose))
        return wrong(f"others may read {words}", f"chmod go= {words}")
    return ok(f"{folder}, yours alone")


def open_to_others(folder: Path) -> Iterator[Path]:
    """What has bits for group or others and should not: the folder, whose mode guards all in it, and each secret."""
    for path in (folder, *(path for pattern in SECRETS for path in sorted(folder.glob(pattern)))):
        if path.suffix != ".pub" and path.stat().st_mode & 0o077:
            yield path


def open_keys(home: Path) -> Iterator[Path]:
    """Files of the user's own into which `--config` put a key, and that others may read by now."""
    from playbooks.own_record import key_files

    return (file for file in key_files(home) if file.is_file() and file.stat().st_mode & 0o077)


def passphrase(about: Place) -> Finding:
    """The passphrase of Pulumi's secrets, and that Pulumi is pointed at it and at daybox's own state."""
    file = state_dir() / "passphrase"
    if not file.is_file() or not file.read_text().strip():
        cure = "source scripts/env makes one, which does not open what another one closed"
        return wrong(f"{file}: is missing, or empty", cure)
    meant = {
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(file),
        "PULUMI_BACKEND_URL": f"file://{state_dir() / 'pulumi'}",
    }
    other = [name for name, value in meant.items() if about.environment.get(name) != value]
    if other:
        return wrong(f"{', '.join(other)}: not set to daybox's own state", "source scripts/env")
    return ok(f"{file}, and Pulumi is pointed at it")


def variables(about: Place) -> Finding:
    """Variables of this shell that lead Pulumi, or any client, elsewhere."""
    from playbooks.clients.everywhere import for_all

    names = [name for one in for_all(about) for name in one.names]
    names += [name for name in OVERRIDES if name in about.environment]
    if names:
        gone = [name for name in names if name != PATH]
        cures = ["take what is not absolute out of PATH"] if PATH in names else []
        cures += [f"unset {' '.join(gone)}"] if gone else []
        cure = f"{'; '.join(cures)}; `fab launch` starts clients without them"
        return wrong(f"lead elsewhere than to your box: {', '.join(names)}", cure)
    keys = keys_set(about.environment)
    beside = f"; keys of providers, which `fab launch` does not pass on: {', '.join(keys)}" if keys else ""
    return ok(f"none leads elsewhere{beside}")


def timer(_: Place) -> Finding:
    """The second killer: a sweep that this laptop runs by itself."""
    from datetime import UTC, datetime

    from playbooks.sweep_folder import folder
    from stacks.sweeps import LATE_MINUTES, last_good

    last, now = last_good(), datetime.now(UTC)
    if not (folder() / "run").is_file():
        return no_matter("no sweep timer is installed: a box's own watchdog is its only killer", INSTALL)
    if last is None or not 0 <= (now - last).total_seconds() <= LATE_MINUTES * 60:
        since = f"since {last:%Y-%m-%d %H:%M} UTC" if last else "ever"
        cure = f"see {folder() / 'log'}; {INSTALL}"
        return wrong(f"the sweep timer is installed, and no sweep succeeded {since}", cure)
    return ok(f"swept at {last:%H:%M} UTC")


INSTALL = "fab sweep --install-timer"
QUESTIONS = (
    Question("laptop/libraries", ConfigError, libraries),
    Question("laptop/pulumi", ConfigError, pulumi),
    Question("laptop/ssh", ConfigError, ssh),
    Question("laptop/state", ConfigError, state),
    Question("laptop/passphrase", ConfigError, passphrase),
    Question("laptop/variables", ConfigError, variables),
    Question("laptop/sweep", ConfigError, timer),
)
