"""Where daybox keeps things on this laptop. Nothing of it lies in the repository.

State (keys, Pulumi's backend, the ledger) must outlive everything; the cache may be deleted at any time.
"""

import os
from pathlib import Path

STATE_VARIABLE = "DAYBOX_STATE"
CACHE_VARIABLE = "DAYBOX_CACHE"


def state_dir() -> Path:
    """The folder of all state, 0700, made if missing: `$DAYBOX_STATE` or `~/.local/state/daybox`."""
    return private_folder(Path(os.environ.get(STATE_VARIABLE) or Path.home() / ".local/state/daybox"))


def cache_dir() -> Path:
    """The folder of what can be fetched or built again: `$DAYBOX_CACHE` or `~/.cache/daybox`."""
    return Path(os.environ.get(CACHE_VARIABLE) or Path.home() / ".cache/daybox")


def stack_dir(stack: str) -> Path:
    """The folder of one stack's keys, pins, tunnel and client files, 0700, made if missing."""
    return private_folder(state_dir() / "stacks" / stack)


def ledger_dir() -> Path:
    """The folder of receipts, one file a lease; made by the first receipt, not here."""
    return state_dir() / "ledger"


def cloud_dir() -> Path:
    """The folder of the local cloud; made by it, not here."""
    return state_dir() / "cloud"


def local_url() -> str:
    """Where the local cloud answers, as it wrote down when it started; empty if it does not run."""
    written = cloud_dir() / "url"
    return written.read_text().strip() if written.is_file() else ""


def owner_file() -> Path:
    """The file that holds this laptop's owner id, as in the tag `daybox-owner-<id>`."""
    return state_dir() / "owner"


def private_folder(folder: Path) -> Path:
    """`folder`, made with mode 0700 if missing."""
    for made in reversed([place for place in (folder, *folder.parents) if not place.is_dir()]):
        # Those above it, too: who may write there could put another folder in its place.
        made.mkdir(mode=0o700, exist_ok=True)
        made.chmod(0o700)  # mkdir's mode passes through the umask
    return folder


def write_private(path: Path, text: str) -> Path:
    """Put `text` into `path` with mode 0600, atomically: it is never readable by others, not even for a moment."""
    return write_whole(path, text.encode(), 0o600)


def write_whole(path: Path, data: bytes, mode: int) -> Path:
    """Put `data` into `path`, atomically, in a folder of ours: with its mode only once it is whole, 0600 until then."""
    private_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(mode)
    draft.replace(path)
    return path
