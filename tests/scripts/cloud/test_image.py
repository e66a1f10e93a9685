"""The container image as `docker load` reads it, made of a small pretended root file system."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cloud import image


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    root = tmp_path / "rootfs"
    for name in ("usr/bin/python3.13", f"{image.LIBRARIES}/libc.so.6", f"{image.LIBRARIES}/perl/big.so"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "usr/bin/python3").symlink_to("python3.13")
    (root / "lib").symlink_to("usr/lib")
    return root


@pytest.fixture
def made(rootfs: Path) -> Iterator[tarfile.TarFile]:
    image.write_image(rootfs, rootfs.parent / "image.tar")
    with tarfile.open(rootfs.parent / "image.tar") as opened:
        yield opened


@pytest.fixture
def layer(made: tarfile.TarFile) -> Iterator[tarfile.TarFile]:
    with tarfile.open(fileobj=io.BytesIO(content(made, "layer.tar"))) as opened:
        yield opened


def content(made: tarfile.TarFile, name: str) -> bytes:
    file = made.extractfile(name)
    assert file
    return file.read()


def test_the_image_has_the_name_that_compose_asks_for(made: tarfile.TarFile) -> None:
    (manifest,) = json.loads(content(made, "manifest.json"))
    assert manifest["RepoTags"] == ["daybox/vllm-cpu:0.32.0"]
    assert set(made.getnames()) == {"manifest.json", manifest["Config"], *manifest["Layers"]}


def test_the_config_vouches_for_the_layer(made: tarfile.TarFile) -> None:
    config = json.loads(content(made, "config.json"))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(content(made, 'layer.tar')).hexdigest()}"]


def test_links_stay_links_and_what_only_other_programs_use_is_left_out(layer: tarfile.TarFile) -> None:
    assert layer.getmember("usr/bin/python3").linkname == "python3.13"
    assert layer.getmember("lib").issym()
    assert not any("perl" in name for name in layer.getnames())


def test_all_of_it_belongs_to_root_and_tmp_to_everybody(layer: tarfile.TarFile) -> None:
    assert {(member.uid, member.gid, member.uname) for member in layer} == {(0, 0, "")}
    assert layer.getmember("tmp").mode == 0o1777


def test_no_part_of_the_layer_is_left_beside_the_image(made: tarfile.TarFile, rootfs: Path) -> None:
    assert sorted(path.name for path in rootfs.parent.iterdir()) == ["image.tar", "rootfs"]
