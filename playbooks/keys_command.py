"""`fab keys`: which programs of this laptop have a key to the gateway, and taking one away."""

import hashlib
import mmap
import os
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from invoke.context import Context

from playbooks.clients.way import folder_of
from playbooks.command import command, console, print_json
from playbooks.keys import KEYS_FILE, forget_key, made_at, read_keys
from playbooks.moments import iso
from playbooks.questions import must_agree
from playbooks.table import Column, show_table
from playbooks.tunnel_files import tunnel_dir
from playbooks.usage import Row, Used, read_rows, sums
from stacks.errors import UsageError
from stacks.places import stack_dir, state_dir

UNKNOWN = "?"
NEVER = "never"
COLUMNS = (
    *(Column("stack"), Column("client"), Column("made"), Column("last used")),
    *(Column("requests", right=True), Column("fingerprint", spare=True)),
)
STACK_HELP = {"stack": "only this stack; else all"}


@dataclass(frozen=True)
class ClientKey:
    """One key, without its text. made, used: UTC, None for unknown and never. fingerprint: of its SHA-256."""

    stack: str
    client: str
    made: str | None
    used: str | None
    requests: int
    fingerprint: str

    def cells(self) -> tuple[str, ...]:
        """In the order of COLUMNS."""
        return (
            self.stack,
            self.client,
            self.made or UNKNOWN,
            self.used or NEVER,
            f"{self.requests:,}",
            self.fingerprint,
        )


@command(name="list", default=True, help={**STACK_HELP, "json": "print JSON for programs"})
def list_keys(_c: Context, stack: str | None = None, json: bool = False) -> None:
    """Show which client has a key to the gateway, and when it was used.

    Example: fab keys --json
    """
    found = [key for name in known_stacks() if name == (stack or name) for key in keys_of(name)]
    if json:
        print_json([asdict(key) for key in found])
    elif found:
        show_table(console(), COLUMNS, [key.cells() for key in found])
    else:
        print("keys: there is none; `fab launch` makes one for each client")


@command(help={"name": "the client, as `fab keys` lists it", "stack": "of this stack", "yes": "do not ask"})
def revoke(_c: Context, name: str, stack: str | None = None, yes: bool = False) -> None:
    """Take a client's key away: the gateway refuses it at once.

    Example: fab keys.revoke aider --yes
    """
    meant = stack_meant(name, stack)
    if not yes:
        question = f"take the key of {name} at the gateway of {meant} away?"
        must_agree("fab keys.revoke", question, asked=f"fab keys.revoke: {question}")
    key = forget_key(meant, name)
    if key is None:
        raise unknown(name, [meant])
    gone = forget_in_files(client_folders(meant, name), own_names(name), key)
    also = f", and {', '.join(gone)} with it" if gone else ""
    print(f"{meant}: the key of {name} is gone{also}; it gets a new one {anew(name)}")
    for file in holding(client_folders(meant, name), key):
        print(f"{file}: holds it still, and is {name}'s own; the key opens nothing any more")


def anew(client: str) -> str:
    """When a client gets its next key."""
    from playbooks.clients import CLIENTS

    if client in {one.name for one in CLIENTS}:
        return f"when it is started anew: fab launch {client}"
    return 'by eval "$(fab env)"' if client == "env" else "when it is needed again"


def known_stacks() -> list[str]:
    """The stacks that have keys on this laptop."""
    files = sorted((state_dir() / "stacks").glob(f"*/tunnel/{KEYS_FILE}"))
    return [file.parent.parent.name for file in files if read_keys(file)]


def keys_of(stack: str) -> list[ClientKey]:
    """Every key of one stack, by client."""
    folder = tunnel_dir(stack)
    rows, made = read_rows(folder), made_at(folder)
    used = sums(rows)
    return [
        ClientKey(
            stack,
            client,
            iso(made[client]) if client in made else None,
            last_use(client, rows),
            used.get(client, Used()).requests,
            fingerprint(key),
        )
        for client, key in sorted(read_keys(folder / KEYS_FILE).items())
    ]


def last_use(client: str, rows: Sequence[Row]) -> str | None:
    """When it last asked for work."""
    moments = [row.at for row in rows if row.client == client and row.used.requests and row.at]
    return iso(max(moments)) if moments else None


def fingerprint(key: str) -> str:
    """Tells two keys apart; 192 random bits are not found from it."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def stack_meant(client: str, stack: str | None) -> str:
    """The stack whose key is meant: the named one, or the only one where the client has a key. Raises UsageError."""
    known = known_stacks()
    if stack and stack not in known:
        raise UsageError(f"stacks/{stack}: has no keys on this laptop", hint=f"those that have: {said(known)}")
    having = [name for name in ([stack] if stack else known) if client in read_keys(tunnel_dir(name) / KEYS_FILE)]
    if not having:
        raise unknown(client, [stack] if stack else known)
    if len(having) > 1:
        raise UsageError(f"keys: {client} has one in {len(having)} stacks", hint=f"say --stack: {said(having)}")
    return having[0]


def unknown(client: str, stacks: Sequence[str]) -> UsageError:
    """No client of that name has a key."""
    clients = sorted({name for stack in stacks for name in read_keys(tunnel_dir(stack) / KEYS_FILE)})
    return UsageError(f"keys: {client} has none", hint=f"those that have: {said(clients)}")


def said(names: Sequence[str]) -> str:
    """A list for a hint."""
    return ", ".join(names) or "none"


def client_folders(stack: str, client: str) -> list[Path]:
    """Where daybox keeps files for that client, which are written anew whenever it is started."""
    return [folder_of(stack, client), stack_dir(stack) / client]  # the second is an older checkout's


def own_names(client: str) -> frozenset[str]:
    """The files below its folder that daybox writes, and writes anew; whichever model it is led to."""
    from playbooks.clients import CLIENTS
    from playbooks.clients.client import Way
    from stacks.catalog import MODELS

    any_way = Way("http://127.0.0.1:1/v1", "", "m", 32_768, 4_096, True, MODELS[0].name, Path("/"))
    return frozenset(name for one in CLIENTS if one.name == client for name in one.files(any_way))


def forget_in_files(folders: Sequence[Path], names: Collection[str], key: str) -> list[str]:
    """Remove every file of these names in there that holds the key; their names. All else, as its history, stays."""
    held = holding(folders, key)  # once: a history may be large
    ours = [file for file in (folder / name for folder in folders for name in sorted(names)) if file in held]
    for file in ours:
        file.unlink()
    return [file.name for file in ours]


def holding(folders: Sequence[Path], key: str) -> list[Path]:
    """The files in there in which the key stands, behind no link."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if not file.is_symlink()]
    return [file for file in files if file.is_file() and holds(file, key.encode())]


def holds(file: Path, text: bytes) -> bool:
    """Whether it stands in there; a history may be larger than memory."""
    with open(file, "rb") as found:
        if not os.fstat(found.fileno()).st_size:
            return False
        with mmap.mmap(found.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            return whole.find(text) >= 0
