#!/usr/bin/env python3
"""Stage volume: models and vLLM's cache lie on the volume that `pulumi up` attaches. It is formatted only if blank.

It mounts one file system at /var/lib/daybox/volume and binds two of its folders to where everybody looks for them.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # set by tests only, as the next
DEVICE = Path(os.environ.get("DAYBOX_DEVICE") or (ROOT / "opt/daybox/volume").read_text().strip())
STATE = ROOT / "var/lib/daybox"
MOUNTED = STATE / "volume"
HOLDS = ("models", "vllm-cache")
FIRST_S, AGAIN_S = 900, 60  # `up` attaches it when it has armed the box, for which it has 10 minutes; later it is there
GIB = 2**30
SECOND_MAGIC = 32_768 * 4096 + 56  # of ext4's second superblock, on any disk that is large enough to be ordered


def must(*words: str | Path, good: tuple[int, ...] = (0,)) -> str:
    """What a program prints. Raises SystemExit with its last words if its exit status is not among `good`."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in good:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise SystemExit(f"{words[0]} {DEVICE.name}: {said}")
    return done.stdout


def wait() -> None:
    """Wait until it is attached. Raises SystemExit naming what attaches it."""
    seconds = AGAIN_S if MOUNTED.is_dir() else FIRST_S
    deadline = time.monotonic() + float(os.environ.get("DAYBOX_WAIT", seconds))
    if not DEVICE.exists():
        print(f"waiting for {DEVICE.name} to be attached", flush=True)
    while not DEVICE.exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"{DEVICE.name} is not attached; `pulumi up` attaches it, then `fab bootstrap` goes on")
        time.sleep(0.2)


def is_blank() -> bool:
    """Whether nothing is on it. Raises SystemExit for whatever is no ext4: nothing is ever formatted over."""
    with DEVICE.open("rb") as content:
        content.read(1 << 20)  # what cannot be read is not blank, though blkid says the same of both
        is_ours = os.pread(content.fileno(), 2, SECOND_MAGIC) == b"\x53\xef"
    found = must("blkid", "--probe", "--output", "export", DEVICE, good=(0, 2)).splitlines()
    kinds = [line.partition("=")[2] for line in found if line.startswith(("TYPE=", "PTTYPE="))]
    if kinds and kinds != ["ext4"]:
        raise SystemExit(f"{DEVICE.name} holds {' and '.join(kinds)}, which is not ours: nothing was changed")
    if is_ours and not kinds:
        raise SystemExit(
            f"{DEVICE.name} is damaged at its beginning, and not blank: e2fsck -b 32768 {DEVICE} may mend it"
        )
    return not kinds


def mount() -> str:
    """Have its file system mounted, made if it is blank; returns what was done, empty if nothing."""
    if MOUNTED.is_mount():
        return ""
    blank = is_blank()
    if blank:
        must("mkfs.ext4", "-q", "-m", "0", "-L", "daybox", DEVICE)
    must("e2fsck", "-f", "-p", DEVICE, good=(0, 1))  # 1: faults were mended; -f: resize2fs insists on it
    must("resize2fs", DEVICE)  # it may be larger than last time; else this does nothing
    MOUNTED.mkdir(parents=True, exist_ok=True)
    must("mount", "-t", "ext4", "-o", "noatime,nosuid,nodev", DEVICE, MOUNTED)
    return "formatted" if blank else "mounted"


def bind(name: str) -> None:
    """Have one of its folders where everybody looks for it."""
    place, kept = STATE / name, MOUNTED / name
    for folder in (place, kept):
        folder.mkdir(parents=True, exist_ok=True)
    if not place.is_mount():
        must("mount", "--bind", kept, place)


def main() -> None:
    """Mount it and bind its folders; say so if that was done before."""
    wait()
    did = mount()
    for name in HOLDS:
        bind(name)
    disk = shutil.disk_usage(MOUNTED)
    print(f"@word {did + ', ' if did else ''}{disk.free / GIB:.1f} of {disk.total / GIB:.1f} GiB free")
    if not did:
        print("@outcome already")


if __name__ == "__main__":
    main()
