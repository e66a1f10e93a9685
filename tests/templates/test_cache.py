"""The on-box program `cache`: what it packs it unpacks elsewhere, and whatever else comes is refused."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from templates.box.cache import REFUSED
from tests.templates.conftest import OnBox

GRAPH = "torch_compile_cache/0123/rank_0_0/graph.so"
HERE = "var/lib/daybox/vllm-cache"


def cached(onbox: OnBox) -> dict[str, str]:
    """Every file of the box's cache: path -> content."""
    root = onbox.root / HERE
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def said(onbox: OnBox, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    words = (str(onbox.install("cache")), *words)
    return subprocess.run(words, env=onbox.full_environment(), input=stdin, capture_output=True, check=False)


def unpacked(onbox: OnBox, packed: bytes) -> subprocess.CompletedProcess[bytes]:
    return said(onbox, "unpack", hashlib.sha256(packed).hexdigest(), stdin=packed)


def tar(*members: tarfile.TarInfo) -> bytes:
    """A gzipped tar of these; each file holds as many zeros as it says it is long."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as out:
        for member in members:
            out.addfile(member, io.BytesIO(bytes(member.size)))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 1) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return info


@pytest.fixture
def other(tmp_path: Path, onbox: OnBox) -> OnBox:
    """The next box: nothing is on it."""
    box = OnBox(tmp_path / "other", onbox.commands)
    box.facts()
    return box


def test_what_one_box_compiled_is_there_on_the_next_one(onbox: OnBox, other: OnBox) -> None:
    onbox.write(f"{HERE}/{GRAPH}", "code")
    onbox.write(f"{HERE}/modelinfos/llama.json", "{}")
    packed = said(onbox, "pack").stdout
    assert unpacked(other, packed).returncode == 0
    assert cached(other) == {GRAPH: "code", "modelinfos/llama.json": "{}"}


def test_nothing_that_is_there_is_changed(onbox: OnBox, other: OnBox) -> None:
    onbox.write(f"{HERE}/{GRAPH}", "new")
    onbox.write(f"{HERE}/torch_compile_cache/4567/graph.so", "another")
    other.write(f"{HERE}/{GRAPH}", "its own")
    unpacked(other, said(onbox, "pack").stdout)
    assert cached(other) == {GRAPH: "its own", "torch_compile_cache/4567/graph.so": "another"}


def test_links_and_half_unpacked_drafts_are_not_carried(onbox: OnBox, other: OnBox) -> None:
    onbox.write(f"{HERE}/{GRAPH}", "code")
    onbox.write(f"{HERE}/.draft-x/tree/half", "half")
    (onbox.root / HERE / "shadow").symlink_to("/etc/shadow")
    unpacked(other, said(onbox, "pack").stdout)
    assert cached(other) == {GRAPH: "code"}


@pytest.mark.parametrize(
    "hostile",
    [
        member("/etc/cron.d/evil"),
        member("../evil"),
        member("a/../../evil"),
        member("."),
        member("link", tarfile.SYMTYPE, "/etc"),
        member("hard", tarfile.LNKTYPE, "/etc/passwd"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
        member("folder", tarfile.DIRTYPE),
        member(".draft-x/evil"),
    ],
    ids=lambda member: member.name,
)
def test_nothing_of_a_hostile_tar_reaches_the_cache(other: OnBox, hostile: tarfile.TarInfo) -> None:
    before = sorted(other.root.rglob("*"))
    done = unpacked(other, tar(member("torch_compile_cache/good"), hostile))
    assert done.returncode == REFUSED and b"refused: " in done.stderr
    assert cached(other) == {}
    new = {path.relative_to(other.root) for path in set(other.root.rglob("*")) - set(before)}
    assert all(str(path).startswith(("var", "opt/daybox/bin")) for path in new), new


def test_two_files_of_one_name_are_refused(other: OnBox) -> None:
    assert unpacked(other, tar(member("same"), member("same"))).returncode == 1
    assert cached(other) == {}


def test_a_bomb_is_refused_before_it_goes_off(other: OnBox) -> None:
    """Three GiB of zeros in a few KB: by what its header says, nothing of it is written."""
    header = member("bomb", size=3 << 30).tobuf()
    done = unpacked(other, gzip.compress(header + bytes(1 << 20)))
    assert done.returncode == REFUSED and b"too much of it" in done.stderr


@pytest.mark.parametrize("damage", [b"", b"more"], ids=["cut off", "longer"])
def test_what_is_not_the_file_that_was_meant_is_not_even_opened(onbox: OnBox, other: OnBox, damage: bytes) -> None:
    onbox.write(f"{HERE}/{GRAPH}", "code")
    packed = said(onbox, "pack").stdout
    spoilt = packed + damage if damage else packed[:-20]
    done = said(other, "unpack", hashlib.sha256(packed).hexdigest(), stdin=spoilt)
    assert done.returncode == REFUSED and b"what came is damaged" in done.stderr
    assert cached(other) == {}


def test_a_file_that_is_no_tar_is_refused(other: OnBox) -> None:
    assert unpacked(other, gzip.compress(b"no tar" * 1000)).returncode == REFUSED
    assert cached(other) == {}


def test_trouble_of_the_boxs_own_says_nothing_of_what_came(onbox: OnBox, other: OnBox) -> None:
    onbox.write(f"{HERE}/{GRAPH}", "code")
    other.write(HERE, "a file where the folder should be")
    assert unpacked(other, said(onbox, "pack").stdout).returncode == 1


def test_its_state_tells_card_bytes_and_whether_vllm_has_begun(onbox: OnBox) -> None:
    onbox.command(
        "nvidia-smi",
        'echo "NVIDIA RTX 4000 Ada Generation, 580.95.05"; echo "NVIDIA RTX 4000 Ada Generation, 580.95.05"',
    )
    onbox.command("docker", "echo 0123abcd")
    onbox.write(f"{HERE}/{GRAPH}", "code")
    found = json.loads(said(onbox, "state").stdout)
    assert found == {"card": "2 x NVIDIA RTX 4000 Ada Generation, 580", "bytes": 4, "begun": True}


def test_without_a_card_the_processor_stands_for_it(onbox: OnBox) -> None:
    """Code for AVX-512 does not run on a processor that lacks it."""
    onbox.command("nvidia-smi", "exit 9")
    onbox.command("docker", "exit 1")
    found = json.loads(said(onbox, "state").stdout)
    assert found["card"] and (found["bytes"], found["begun"]) == (0, False)


@pytest.mark.parametrize(
    "driver",
    ["exit 127", "echo NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.; exit 9"],
    ids=["not installed", "not loaded"],
)
def test_a_card_whose_driver_does_not_answer_yet_has_no_name(onbox: OnBox, driver: str) -> None:
    onbox.command("nvidia-smi", driver)
    onbox.command("docker", "exit 1")
    onbox.write("sys/bus/pci/devices/0000:00:02.0/vendor", "0x10de\n")
    assert json.loads(said(onbox, "state").stdout)["card"] == ""


def test_what_took_no_compiling_is_nothing_to_carry(onbox: OnBox) -> None:
    onbox.command("nvidia-smi", "exit 9")
    onbox.command("docker", "exit 1")
    onbox.write(f"{HERE}/modelinfos/llama.json", "{}")
    assert json.loads(said(onbox, "state").stdout)["bytes"] == 0
