"""Bring files to a box: one tar through ssh, so that no content is ever on a command line."""

import io
import tarfile
from collections.abc import Iterable

from stacks.bundle import File
from stacks.errors import BoxError
from stacks.ssh import Target, run

# Unpacked beside its place, then moved file by file: a program that runs meanwhile is never seen half written.
UNPACK = (
    'set -e; umask 022; draft=$(mktemp -d /opt/.daybox-XXXXXX); trap \'rm -rf "$draft"\' EXIT; cd "$draft"; '
    "tar -xp; mkdir -p /etc/daybox; chmod 700 /etc/daybox; "
    # The stamp comes last: it must not be true while a program is still the old one.
    "{ find . -type f ! -name bundle.sha256; find . -name bundle.sha256; } | "
    'while read -r file; do mkdir -p "/${file%/*}"; mv -f "$file" "/$file"; done'
)


def pack(files: Iterable[File]) -> bytes:
    """A tar of `files` owned by root, paths relative to `/`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in files:
            content = file.content.encode()
            info = tarfile.TarInfo(file.path.lstrip("/"))
            info.size, info.mode = len(content), file.mode
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def push(target: Target, files: Iterable[File]) -> None:
    """Put `files` onto the box. Raises BoxError if that did not succeed wholly."""
    done = run(target, UNPACK, stdin=pack(files))
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise BoxError(
            f"box/{target.alias}: files could not be written: {said}", hint="is its disk full? see `fab ssh`"
        )
