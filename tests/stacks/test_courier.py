"""The courier: files arrive whole, with their modes, or not at all."""

import io
import subprocess
import tarfile
from pathlib import Path

from stacks.bundle import File
from stacks.courier import UNPACK, pack

FILES = [File("/etc/daybox/token", 0o600, "secret\n"), File("/opt/daybox/bin/stage", 0o755, "#!/bin/sh\n")]


def unpacked(root: Path, archive: bytes) -> subprocess.CompletedProcess[bytes]:
    """What the box does with the archive, in a folder instead of its root."""
    for folder in ("opt", "etc"):
        (root / folder).mkdir(exist_ok=True)
    here = UNPACK.replace("/opt/.daybox", f"{root}/opt/.daybox").replace("/etc/daybox", f"{root}/etc/daybox")
    here = here.replace('"/${file%/*}"', f'"{root}/${{file%/*}}"').replace('"/$file"', f'"{root}/$file"')
    return subprocess.run(["sh", "-c", here], input=archive, capture_output=True, check=False)


def test_modes_travel_with_the_files() -> None:
    with tarfile.open(fileobj=io.BytesIO(pack(FILES))) as tar:
        assert [(member.name, member.mode) for member in tar] == [
            ("etc/daybox/token", 0o600),
            ("opt/daybox/bin/stage", 0o755),
        ]


def test_the_same_files_are_the_same_bytes() -> None:
    assert pack(FILES) == pack(FILES)


def test_files_land_where_they_belong_and_no_draft_stays(tmp_path: Path) -> None:
    assert unpacked(tmp_path, pack(FILES)).returncode == 0
    assert (tmp_path / "etc/daybox/token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/daybox").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "opt/daybox/bin/stage").read_text() == "#!/bin/sh\n"
    assert list((tmp_path / "opt").glob(".daybox-*")) == []


def test_an_archive_that_was_cut_off_changes_nothing(tmp_path: Path) -> None:
    whole = pack([File("/etc/daybox/big", 0o600, "x" * 100_000)])
    assert unpacked(tmp_path, whole[:50_000]).returncode != 0
    assert not (tmp_path / "etc/daybox/big").exists()
