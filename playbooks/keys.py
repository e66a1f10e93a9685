"""Client keys: what a program on this laptop shows to the gateway. None of them is the box's key."""

import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playbooks.tunnel_files import tunnel_dir
from stacks.places import write_private

KEYS_FILE = "keys.json"


def client_key(stack: str, client: str) -> str:
    """The key of `client` (as "aider") at the stack's gateway, made at the first call."""
    folder = tunnel_dir(stack)
    with locked(folder / ".keys.lock"):
        keys = read_keys(folder / KEYS_FILE)
        if client not in keys:
            keys[client] = f"dbx-{secrets.token_urlsafe(24)}"
            write_private(folder / KEYS_FILE, json.dumps(keys, indent=2) + "\n")
    return keys[client]


def key_file(stack: str, client: str) -> Path:
    """A 0600 file with nothing but the client's key, for programs that read their key from a file."""
    return write_private(tunnel_dir(stack) / f"key-{client}", client_key(stack, client))


def read_keys(path: Path) -> dict[str, str]:
    """client -> key; empty if no key was made yet."""
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return {}


def client_of(keys: dict[str, str], presented: str) -> str | None:
    """Whose key was presented; None if nobody's. Compares every key in constant time."""
    given = presented.encode(errors="surrogateescape")  # as aiohttp decodes what is no UTF-8
    found = [name for name, key in keys.items() if hmac.compare_digest(key.encode(), given)]
    return found[0] if found else None


class KeyFile:
    """The keys as the gateway sees them, read again whenever the file changed: a new client needs no restart."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] = (0, 0)
        self._keys: dict[str, str] = {}

    def client_of(self, presented: str) -> str | None:
        """Whose key was presented; None if nobody's."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        stamp = (found.st_mtime_ns, found.st_ino)  # the file is replaced, never written in place
        if stamp != self._stamp:
            self._stamp, self._keys = stamp, read_keys(self.path)
        return client_of(self._keys, presented)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`: two clients started at once must not lose one of two new keys."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
