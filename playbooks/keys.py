"""Client keys: what a program on this laptop shows to the gateway. None of them is the box's key."""

import fcntl
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playbooks.tunnel_files import tunnel_dir
from stacks.errors import ConfigError
from stacks.places import write_private

KEYS_FILE = "keys.json"
# When each was made: a file of its own, because a gateway that runs while a checkout is renewed reads the other one.
MADE_FILE = "keys-made.json"


class DamagedKeysError(ConfigError, ValueError):
    """The file of the keys is no list of keys."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path}: is no list of keys", hint="remove it: new keys are made as they are needed")


def client_key(stack: str, client: str) -> str:
    """The key of `client` (as "aider") at the stack's gateway, made at the first call."""
    folder = tunnel_dir(stack)
    with locked(folder / ".keys.lock"):
        keys = read_keys(folder / KEYS_FILE)
        if client not in keys:
            keys[client] = f"dbx-{secrets.token_urlsafe(24)}"
            write_private(folder / KEYS_FILE, json.dumps(keys, indent=2) + "\n")
            write_private(folder / MADE_FILE, json.dumps({**made_at(folder), client: round(time.time())}) + "\n")
    return keys[client]


def forget_key(stack: str, client: str) -> str | None:
    """Take the client's key away, and the file with it: the gateway refuses it from now on. The key, if it had one."""
    folder = tunnel_dir(stack)
    with locked(folder / ".keys.lock"):
        keys, made = read_keys(folder / KEYS_FILE), made_at(folder)
        key = keys.pop(client, None)
        if key is None:
            return None
        write_private(folder / KEYS_FILE, json.dumps(keys, indent=2) + "\n")
        write_private(folder / MADE_FILE, json.dumps({name: at for name, at in made.items() if name != client}) + "\n")
        (folder / f"key-{client}").unlink(missing_ok=True)
    return key


def made_at(folder: Path) -> dict[str, float]:
    """client -> when its key was made, UTC epoch seconds; nothing of keys that an older checkout made."""
    try:
        return {str(client): float(at) for client, at in json.loads((folder / MADE_FILE).read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def key_file(stack: str, client: str) -> Path:
    """A 0600 file with nothing but the client's key, for programs that read their key from a file."""
    return write_private(tunnel_dir(stack) / f"key-{client}", client_key(stack, client))


def read_keys(path: Path) -> dict[str, str]:
    """client -> key; empty if no key was made yet. Raises DamagedKeysError."""
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        raise DamagedKeysError(path) from None
    if not isinstance(found, dict) or not all(isinstance(key, str) and key for key in found.values()):
        raise DamagedKeysError(path)
    return found


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
            self._stamp, self._keys = stamp, {}  # of a damaged file nobody has a key
            with suppress(DamagedKeysError, OSError):
                self._keys = read_keys(self.path)
        return client_of(self._keys, presented)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path`: two clients started at once must not lose one of two new keys.

    Raises BlockingIOError if another holds it and we do not wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)
