"""The program of a client on this laptop: where it is, of which version, and whether we know that one."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from playbooks.aider_shim import without_shims
from playbooks.clients.client import Client, Version
from playbooks.clients.surroundings import absolute, surroundings
from stacks.errors import UsageError
from stacks.places import cache_dir, private_folder

VERSION_SECONDS = 30.0  # the slowest takes 4 on a cold disk
NUMBER = re.compile(r"\d+(?:\.\d+)+")
Wrap = Callable[[Sequence[str]], list[str]]  # the words that run these words sealed
NOBODY, NO_PORT = Path(os.devnull), 8000  # a door wants a socket behind it, and a port: that one answers nobody


def find_program(client: Client) -> str | None:
    """The one that set-up installed, else the one on PATH; None if there is none."""
    own = own_copy(client)
    if own.is_file():
        return str(own.resolve())
    return shutil.which(client.program, path=searched(os.environ.get("PATH", os.defpath)))


def searched(path: str) -> str:
    """PATH without our shims, and without what depends on where one stands.

    By `node_modules/.bin` in it, or `.`, a repository would bring its own client.
    """
    return absolute(without_shims(path))


def own_copy(client: Client) -> Path:
    """Where set-up puts the version that every pin was measured with, if it installs this client at all."""
    return cache_dir() / client.name / dotted(client.oldest) / "bin" / client.program


def needed_program(client: Client) -> str:
    """As `find_program`. Raises UsageError with the line that installs it."""
    found = find_program(client)
    if found is None:
        raise UsageError(f"{client.name}: {client.program} is not on PATH", hint=f"install it: {client.install}")
    return found


def version_of(client: Client, program: str, wrap: Wrap = list) -> Version:
    """The version of a client's program; empty if it tells none.

    Read from where it lies, if that tells it: starting one takes up to seconds, and some look for a newer one then. So
    one that has to be asked is asked as it will be started. wrap: how.
    """
    if program == str(own_copy(client).resolve()):
        return client.oldest
    return npm_version(Path(program).resolve()) or asked_version(client, program, wrap)


def npm_version(file: Path) -> Version:
    """The version of the npm package that a file belongs to; empty if it belongs to none."""
    if "node_modules" not in file.parts:
        return ()
    for folder in file.parents:
        if folder.name == "node_modules":
            break
        with suppress(OSError, ValueError, KeyError, TypeError):
            return version_in(json.loads((folder / "package.json").read_text())["version"])
    return ()


def reaching_nothing() -> Wrap:
    """How to ask where no box is at hand: sealed, without even a gateway; as it is, where this laptop cannot seal."""
    from playbooks import seal

    return list if seal.refusal() else partial(seal.sealed, port=NO_PORT, socket=NOBODY)


def asked_version(client: Client, program: str, wrap: Wrap) -> Version:
    """What the program itself says, started without providers, with dead proxies, and in an empty folder.

    In a repository's, Bun runs what a bunfig.toml names before a client is there to refuse it. One that fails has said
    why, and numbers in that (`Node.js v18.2`) are not its own.
    """
    words = wrap([program, *client.version_words])
    try:
        # Not among other users' things: some look into the folders above as well.
        with TemporaryDirectory(dir=private_folder(cache_dir()), ignore_cleanup_errors=True) as empty:
            done = subprocess.run(
                words,
                cwd=empty,
                env=surroundings(os.environ, client.dropped) | {"PWD": empty},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=VERSION_SECONDS,
            )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return () if done.returncode else version_in(done.stdout) or version_in(done.stderr)


def version_in(text: str) -> Version:
    """The first number with a point in it; empty if there is none."""
    found = NUMBER.search(text)
    return tuple(map(int, found[0].split("."))) if found else ()


def check_version(client: Client, found: Version, *, sealed: bool) -> str:
    """What to say of the version; empty if it is one that we know.

    One that is newer than what we know may read other files, or ask elsewhere: only sealed, where it cannot, is it
    started. Raises UsageError.
    """
    known = f"known are {dotted(client.oldest)} and later, below {dotted(client.below)}"
    if found and found < client.oldest:
        raise UsageError(f"{client.name}: {dotted(found)} is too old; {known}", hint=f"install it: {client.install}")
    if found and found < client.below:
        return ""
    fact = f"{client.name}: {dotted(found) + ' is newer than what daybox knows' if found else 'tells no version'}"
    if sealed:
        return f"{fact} ({known}); sealed, it can reach nothing but the gateway"
    raise UsageError(f"{fact}; {known}", hint=f"install a known one: {client.install}, or start it with --sealed")


def dotted(version: Version) -> str:
    """As people write it."""
    return ".".join(map(str, version))
