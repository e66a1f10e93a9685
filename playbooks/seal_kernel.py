"""The calls to Linux's kernel that a seal is made of, and that Python 3.11 has no names for."""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Collection

# Source of all numbers: linux/sched.h, linux/mount.h, linux/prctl.h, linux/capability.h, linux/sockios.h.
CLONE_NEWNS = 0x0002_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 1, 24, 36, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAP_SYS_ADMIN = 21
CAPABILITIES = 64  # more than there are; the kernel says where they end
# What root keeps of being root: files of any owner. Not: mounts, networks, devices, other programs.
# CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID; and CAP_SETFCAP, without which
# root may be root in no namespace of its own: Codex puts the commands of its model into one.
OF_FILES = frozenset({0, 1, 3, 4, 5, 6, 7, 31})
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
INTERFACE = struct.Struct("16sh22x")  # struct ifreq: a name and its flags


def call(name: str, *arguments: int | bytes | None) -> int:
    """What libc's function `name` gives. Raises OSError if that is less than 0."""
    libc = ctypes.CDLL(None, use_errno=True)
    passed = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    result = int(libc[name](*passed))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def leave(*, as_user: bool) -> None:
    """Put this process into a network and mounts of its own; what it forks, into process numbers of their own.

    as_user: in a user namespace, too, where it may do all this without being root, and is still the same user.
    """
    user, group = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | (CLONE_NEWUSER if as_user else 0))
    if as_user:
        write("/proc/self/setgroups", "deny")  # else the kernel takes no map of groups from an ordinary user
        write("/proc/self/uid_map", f"{user} {user} 1")
        write("/proc/self/gid_map", f"{group} {group} 1")


def write(path: str, text: str) -> None:
    """Write to a file of the kernel, in one call."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def own_mounts() -> None:
    """From here on no mount of ours is seen outside, and none from there here."""
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def mount_proc() -> None:
    """Show the processes of this namespace and no others."""
    call("mount", b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None)


def cover(place: str) -> None:
    """Lay an empty folder, the user's own, over the folder `place`."""
    call("mount", b"tmpfs", os.fsencode(place), b"tmpfs", MS_NOSUID | MS_NODEV, b"mode=0700,size=64m")


def bind(source: str, place: str) -> None:
    """Have `place` be `source`."""
    call("mount", os.fsencode(source), os.fsencode(place), None, MS_BIND | MS_REC, None)


def protect(place: str) -> None:
    """Let nobody write to `place`, a folder or file of /proc's; nothing if it is not there."""
    try:
        bind(place, place)
    except FileNotFoundError:
        return
    flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC
    call("mount", b"none", os.fsencode(place), None, flags, None)


def loopback_up() -> None:
    """Start the namespace's own loopback, the only interface that it has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        found = fcntl.ioctl(asked, SIOCGIFFLAGS, INTERFACE.pack(b"lo", 0))
        name, flags = INTERFACE.unpack(found)
        fcntl.ioctl(asked, SIOCSIFFLAGS, INTERFACE.pack(name, flags | IFF_UP))


def drop_capabilities(kept: Collection[int] = ()) -> None:
    """From the next program on none but `kept` is left, and no program can give one back (sudo neither)."""
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    for number in range(CAPABILITIES):
        if number not in kept:
            try:
                call("prctl", PR_CAPBSET_DROP, number, 0, 0, 0)
            except OSError as error:
                if error.errno != errno.EINVAL:  # beyond the last one
                    raise
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def may_administer() -> bool:
    """Whether this process is root in earnest: it needs no user namespace, and has the files of all users."""
    try:
        with open("/proc/self/status") as file:
            effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff"))
    except (OSError, StopIteration):
        return False
    return os.geteuid() == 0 and bool(effective >> CAP_SYS_ADMIN & 1)
