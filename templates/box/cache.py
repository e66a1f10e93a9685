#!/usr/bin/env python3
"""vLLM's compile cache, to carry it from box to box: `cache state`, `cache pack` to stdout, `cache unpack SHA256`.

It is code that vLLM runs. It comes from the laptop that rented this box, over pinned ssh, and only whole: by its hash.
Out of what is unpacked no file leaves the cache's folder, and nothing that is there is changed.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NoReturn

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # set by tests only
CACHE = ROOT / "var/lib/daybox/vllm-cache"
COMPILED = CACHE / "torch_compile_cache"  # without it, nothing here took long to make
NVIDIA = "0x10de"  # its number on the PCI bus
MOST = 2 << 30  # bytes, packed or not; a model's take a few hundred MB
DRAFT = ".draft-"
REFUSED = 65  # the exit status that speaks of what came; any other speaks of this box. Source: sysexits.h, EX_DATAERR


def said(*words: str) -> str:
    """What a program prints; nothing if it fails or is not installed."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return "" if done.returncode else done.stdout.strip()  # nvidia-smi says on stdout why it failed


def refuse(why: str) -> NoReturn:
    """End, and say that what came is good for no box."""
    print(why, file=sys.stderr)
    raise SystemExit(REFUSED)


def card() -> str:
    """What the code was compiled for: the cards and their driver's branch, else the processor and what it can do.

    Empty while there is a card whose driver does not answer: a new box is still installing it.
    """
    found = said("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()
    if found:
        return f"{len(found)} x {found[0].partition('.')[0]}"
    if any(vendor.read_text().strip() == NVIDIA for vendor in (ROOT / "sys/bus/pci/devices").glob("*/vendor")):
        return ""
    facts = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().splitlines() if ":" in line)
    cpu = {name.strip(): text.strip() for name, text in facts.items()}
    able = hashlib.sha256(cpu.get("flags", cpu.get("Features", "")).encode()).hexdigest()[:12]
    return f"{cpu.get('model name', 'processor')}, {able}"


def files() -> Iterator[Path]:
    """The regular files of the cache; no links, and nothing half unpacked."""
    for path in sorted(CACHE.rglob("*")):
        if path.is_file() and not path.is_symlink() and not path.relative_to(CACHE).parts[0].startswith(DRAFT):
            yield path


def state() -> None:
    """Print what the laptop must know: the card, the bytes that were compiled, and whether vLLM has begun."""
    size = sum(path.stat().st_size for path in files()) if COMPILED.is_dir() else 0
    begun = bool(said("docker", "ps", "--all", "--quiet", "--filter", "name=^vllm$"))
    print(json.dumps({"card": card(), "bytes": size, "begun": begun}))


def pack() -> None:
    """Write the cache to stdout as a tar, gzipped. Raises SystemExit if it is larger than it may be."""
    os.nice(19)  # vLLM comes first
    names = list(files())
    if (size := sum(path.stat().st_size for path in names)) > MOST:
        raise SystemExit(f"the compile cache has {size >> 20} MiB, more than is carried")
    packed = gzip.GzipFile(fileobj=sys.stdout.buffer, mode="wb", compresslevel=1, mtime=0)
    with packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for path in names:
            tar.add(path, str(path.relative_to(CACHE)), recursive=False)


def unpack(sha256: str) -> None:
    """Read a tar from stdin; if it is the one that was meant, add what the cache lacks. Raises SystemExit."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=CACHE) as folder:
        draft = Path(folder)
        packed, tree = draft / "tar", draft / "tree"
        receive(packed, sha256)
        try:
            with tarfile.open(packed, mode="r:gz") as tar:
                extract(tar, tree)
        except tarfile.TarError as error:
            refuse(f"refused: no tar: {error}")
        packed.unlink()
        print(f"{merge(tree, CACHE)} added")


def receive(packed: Path, sha256: str) -> None:
    """Keep what comes on stdin. Raises SystemExit if it is too much, or not what was meant."""
    seen, size = hashlib.sha256(), 0
    with packed.open("wb") as file:
        while block := sys.stdin.buffer.read(1 << 20):
            size += len(block)
            if size > MOST:
                refuse("more came than is carried")
            seen.update(block)
            file.write(block)
    if seen.hexdigest() != sha256:
        refuse(f"what came is damaged: its hash is {seen.hexdigest()[:12]}, not {sha256[:12]}")


def extract(tar: tarfile.TarFile, tree: Path) -> None:
    """Write its files below `tree`, as ours. Raises SystemExit for anything but plain files at plain paths."""
    left = MOST
    for member in tar:
        left -= member.size
        if not is_plain(member) or left < 0:
            refuse(f"refused: {member.name!r}: no plain file of a compile cache, or too much of it")
        target, content = tree / member.name, tar.extractfile(member)
        assert content is not None  # it is a regular file
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            shutil.copyfileobj(content, file)
        os.utime(target, (member.mtime, member.mtime))


def is_plain(member: tarfile.TarInfo) -> bool:
    """Whether it is a regular file whose path leads nowhere but down."""
    parts = PurePosixPath(member.name).parts
    return member.isreg() and bool(parts) and not {"/", ".."} & set(parts) and not parts[0].startswith(DRAFT)


def merge(tree: Path, into: Path) -> int:
    """Move what `into` lacks there, whole folders at once, so that none is seen half filled; returns how many moves."""
    count = 0
    for path in tree.iterdir() if tree.is_dir() else ():
        there = into / path.name
        if not there.exists():
            path.rename(there)
            count += 1
        elif path.is_dir() and there.is_dir() and not there.is_symlink():
            count += merge(path, there)
    return count


def main(verb: str, *words: str) -> None:
    """Do what was asked for."""
    if verb == "unpack":
        unpack(*words)
    else:
        {"state": state, "pack": pack}[verb]()


if __name__ == "__main__":
    main(*sys.argv[1:])
