"""The container image that vLLM runs in on the CPU: Python and its libraries, cut out of the box's root file system.

vLLM itself is not in it: its packages (5 GB) are mounted read-only, which takes no time; unpacked from an image they
would take half a minute of every new box. The tar has the shape of `docker save`, so that `docker load` names it.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

IMAGE_TAG = "daybox/vllm-cpu:0.32.0"
LIBRARIES = "usr/lib/x86_64-linux-gnu"
# lscpu: vLLM's engine dies without it. cat and sh: the key is read from a file. ldconfig: ctypes' find_library asks it.
PROGRAMS = ("sh", "dash", "cat", "env", "ls", "uname", "sleep", "lscpu", "python3", "python3.13")
FILES = (
    *(f"usr/bin/{name}" for name in PROGRAMS),
    "usr/sbin/ldconfig",
    *("bin", "sbin", "lib", "lib64", "usr/lib64"),
    *("etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/ld.so.cache", "etc/ld.so.conf", "etc/ld.so.conf.d"),
    "usr/lib/python3.13",
    LIBRARIES,
)
# Half of that folder belongs to programs that are not in the image.
LEFT_OUT = tuple(f"{LIBRARIES}/{name}" for name in ("perl", "perl-base", "gconv", "systemd", "xtables", "security"))
EMPTY_FOLDERS = {"tmp": 0o1777, "var/tmp": 0o1777, "root": 0o700, "run": 0o755, "proc": 0o555, "sys": 0o555}
CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"], "Cmd": ["python3"]},
}


def write_image(rootfs: Path, target: Path) -> None:
    """Put the image made of `rootfs` into the file `target`, in the format of `docker save`."""
    layer = target.with_name(target.name + ".layer")
    write_layer(rootfs, layer)
    digest = file_sha256(layer)
    config = json.dumps({**CONFIG, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}).encode()
    manifest = [{"Config": "config.json", "RepoTags": [IMAGE_TAG], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w") as image:
        _add_bytes(image, "config.json", config)
        _add_bytes(image, "manifest.json", json.dumps(manifest).encode())
        image.add(layer, "layer.tar")
    layer.unlink()


def write_layer(rootfs: Path, target: Path) -> None:
    """Tar the chosen files of `rootfs`, owned by root, with the owner's names left out."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as layer:
        for name, mode in EMPTY_FOLDERS.items():
            layer.addfile(_folder(name, mode))
        for path in chosen(rootfs):
            layer.add(path, str(path.relative_to(rootfs)), recursive=False, filter=_as_root)


def chosen(rootfs: Path) -> Iterator[Path]:
    """The files of the image, parents before children; what a distribution lacks is passed over."""
    for name in FILES:
        yield from _tree(rootfs / name, {rootfs / left for left in LEFT_OUT})


def _tree(path: Path, left_out: set[Path]) -> Iterator[Path]:
    if path in left_out or not (path.is_symlink() or path.exists()):
        return
    yield path
    if path.is_dir() and not path.is_symlink():
        for child in sorted(path.iterdir()):
            yield from _tree(child, left_out)


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def _folder(name: str, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    return entry


def _add_bytes(image: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    image.addfile(entry, io.BytesIO(content))
