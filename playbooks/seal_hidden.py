"""What a sealed client does not see: doors out of its namespace that are no network, and secrets it has no use for.

A Unix socket in the file system leads out of any network namespace. Those that are there are covered one by one; the
folders in which they come up later, or again, and those of secrets, are covered whole.

What remains: a socket that comes up after the start in a folder that is not in the table, or comes up again there when
its program restarts (/tmp stays the laptop's own: projects, worktrees and programs lie in it, and files are handed over
there); one that a program of another user bound by a short name; AF_VSOCK in a virtual machine whose host listens;
keystrokes pushed into the terminal where the kernel still allows TIOCSTI (before 6.2); and, for root, every file:
/etc/cron.d is a way out to whoever may write it.
"""

import itertools
import os
import stat
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hidden:
    """One place. path: `~` is the user's home, `{uid}` the user; why: what could go out there, or be read.

    made: whether it is made if it is not there, so that what comes up there later is covered, too. Only where its
    program would make just that: an empty folder, the user's alone.
    """

    path: str
    why: str
    made: bool = False


HIDDEN = (
    # Whole: a socket that is covered alone is seen again when its program restarts, which takes our cover away with it.
    Hidden("/run", "D-Bus, Docker, agents, editors start programs outside; others look names up, or are desktops"),
    Hidden("/var/run", "the same, where it is no link to /run"),
    Hidden("/var/lib/incus", "starts containers"),
    Hidden("/var/snap/lxd/common/lxd", "starts containers"),
    Hidden("/tmp/tmux-{uid}", "types into terminals outside", made=True),
    Hidden("/tmp/zellij-{uid}", "types into terminals outside", made=True),
    Hidden("/tmp/emacs{uid}", "an editor outside runs what it is told", made=True),
    Hidden("/tmp/.X11-unix", "types into windows outside"),
    Hidden("/tmp/.ICE-unix", "asks the desktop's programs"),
    Hidden("/mnt/wslg", "types into windows of Windows"),
    Hidden("~/.ssh", "keys, and connections that are kept open"),
    Hidden("~/.gnupg", "keys, and agents"),
    Hidden("~/.docker", "tokens of registries, and a desktop's sockets"),
    Hidden("~/.pulumi/credentials.json", "tokens of Pulumi's backends"),
    Hidden("~/.config/linode-cli", "tokens of Linode"),
    Hidden("~/.linode-cli", "the same, of long ago"),
    Hidden("~/.cache/huggingface/token", "a token of the Hub"),
    Hidden("~/.cache/huggingface/stored_tokens", "all tokens of the Hub that were ever given"),
)
# Variables that move what the table names, and what lies where they lead. Source: each program's own documentation;
# huggingface_hub/constants.py, linodecli/configuration/helpers.py.
MOVED = (
    ("HF_HOME", "token"),
    ("HF_HOME", "stored_tokens"),
    ("HF_TOKEN_PATH", ""),
    ("HF_TOKEN_PATH", "../stored_tokens"),
    ("XDG_CACHE_HOME", "huggingface/token"),
    ("XDG_CACHE_HOME", "huggingface/stored_tokens"),
    ("PULUMI_HOME", "credentials.json"),
    ("PULUMI_CREDENTIALS_PATH", "credentials.json"),
    ("XDG_CONFIG_HOME", "linode-cli"),
    ("LINODE_CLI_CONFIG", ""),
    ("DOCKER_CONFIG", ""),
    ("GNUPGHOME", ""),
    ("XDG_RUNTIME_DIR", ""),
    ("TMUX_TMPDIR", "tmux-{uid}"),
)
# What is seen all the same: disks and sticks that a desktop mounts, with the files on them.
DISKS = ("/run/media",)
# And where programs look, should it lead into a covered place: on NixOS and Guix they all lie behind these; the files
# of /etc are links into /run on many laptops, and not every library goes on without them.
LOOKED_FOR = (
    *("/run/current-system", "/run/booted-system", "/run/opengl-driver"),
    *("/etc/resolv.conf", "/etc/hosts", "/etc/localtime"),
)
# With sssd the user's own name is asked for here; it looks up no host unless its administrator had it do so.
SPARED = ("/var/lib/sss/pipes/nss",)
LINKS = 40  # as many as the kernel follows
# Variables that lead to what is covered: a client would only stumble. With `_` at its end it is a beginning.
DROPPED = (
    *("DBUS_", "DISPLAY", "WAYLAND_", "XAUTHORITY", "PULSE_SERVER", "PIPEWIRE_", "SESSION_MANAGER", "NOTIFY_SOCKET"),
    *("SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "DOCKER_", "CONTAINER_HOST", "WSL_INTEROP"),
    *("TMUX", "TMUX_", "STY", "VSCODE_", "NVIM", "NVIM_", "KITTY_LISTEN_ON", "EMACS_SERVER_FILE"),
)
BEGINNINGS = tuple(name for name in DROPPED if name.endswith("_"))


def places(home: str, user: int, *, made: bool = False) -> list[str]:
    """Every place of the table, on this laptop; made: only those that are made if they are not there."""
    rows = (row for row in HIDDEN if row.made or not made)
    return [row.path.replace("~", home, 1).replace("{uid}", str(user)) for row in rows]


def moved(environment: Mapping[str, str], user: int) -> list[str]:
    """Where variables of the user's have put what the table names; not what holds the home, or all that is in /tmp."""
    named = ((os.path.expanduser(environment.get(variable, "")), rest) for variable, rest in MOVED)
    paths = (os.path.normpath(os.path.join(place, rest)) for place, rest in named if os.path.isabs(place))
    needed = (os.path.expanduser("~"), "/tmp")
    return sorted({path.replace("{uid}", str(user)) for path in paths if not any(inside(it, [path]) for it in needed)})


def sockets_in(table: str, folders: Iterable[str] = ()) -> list[str]:
    """Where the Unix sockets of /proc/net/unix are. folders: where one that is named without its folder may be."""
    rows = (line.split(maxsplit=7) for line in table.splitlines()[1:])
    named = {row[7] for row in rows if len(row) == 8 and not row[7].startswith("@")}
    full = {path for path in named if path.startswith("/")}
    joined = (os.path.normpath(os.path.join(*pair)) for pair in itertools.product(folders, named - full))
    return sorted({*full, *joined}.difference(SPARED))


def working_folders() -> set[str]:
    """Where this laptop's processes are, as far as it is ours to know: a socket's short name counts from there."""
    found = set()
    for process in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            found.add(os.readlink(f"/proc/{process}/cwd"))
    return found


def with_neighbours(sockets: Iterable[str]) -> list[str]:
    """The sockets, and whatever else in their folders is neither file nor folder nor link.

    The kernel tells the name that a socket was given first; ssh gives the one of a kept connection another at once.
    """
    found = set(sockets)
    for folder in {os.path.dirname(path) for path in found}:
        with suppress(OSError), os.scandir(folder) as entries:
            found |= {entry.path for entry in entries if is_odd(entry)}
    return sorted(found.difference(SPARED))


def is_odd(entry: os.DirEntry[str]) -> bool:
    """Whether it is neither file nor folder nor link; told without a question to the disk."""
    return not (entry.is_symlink() or entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False))


def kind_of(path: str) -> str:
    """`folder`, `file`, or empty for what is not there or not ours to see: a client sees no more."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return ""
    return "folder" if stat.S_ISDIR(mode) else "file"


def real_places(paths: Iterable[str]) -> list[str]:
    """Where the paths lead, each place once, no place inside another one of them.

    A link in /tmp may be another user's, laid so that a folder of ours be covered: it is not followed.
    """
    found = sorted({os.path.realpath(path) for path in paths if not (inside(path, ["/tmp"]) and os.path.islink(path))})
    return [path for path in found if not any(path.startswith(f"{other}/") for other in found)]


def inside(path: str, places: Iterable[str]) -> str:
    """The one of the places that the path lies in, or is; empty if there is none."""
    return next((place for place in places if f"{path}/".startswith(f"{place.rstrip('/')}/")), "")


def steps_to(path: str, covered: Collection[str]) -> list[str]:
    """What must be in covered places for `path` to lead where it leads: the links on the way, and its end."""
    found, at, rest = [], "/", deque(Path(path).parts)
    for _ in range(LINKS):
        while rest and not os.path.islink(at):
            at = os.path.normpath(os.path.join(at, rest.popleft()))
        if inside(at, covered):
            found.append(at)
        if not os.path.islink(at):
            return found if os.path.exists(at) else []
        rest.extendleft(reversed(Path(os.readlink(at)).parts))
        at = os.path.dirname(at)
    return []  # a ring


def kept_variables(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment without what leads to covered places."""
    return {name: value for name, value in inherited.items() if name not in DROPPED and not name.startswith(BEGINNINGS)}
