"""Where the kernel's control groups are, and what is said of one that is not there."""

from pathlib import Path

import pytest

from scripts.cloud import cgroup

BOTH = """\
31 24 0:27 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw
32 31 0:28 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
42 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
ONE = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"


@pytest.mark.parametrize(("mountinfo", "place"), [(BOTH, "/sys/fs/cgroup/unified"), (ONE, "/sys/fs/cgroup")])
def test_version_2_is_found_wherever_it_is_mounted(mountinfo: str, place: str) -> None:
    assert cgroup.mounted(mountinfo) == Path(place)


def test_without_version_2_there_is_no_box() -> None:
    with pytest.raises(OSError, match="no cgroup v2"):
        cgroup.mounted("")


def test_a_group_that_is_not_there_is_empty_and_has_ended(tmp_path: Path) -> None:
    assert cgroup.is_empty(tmp_path / "gone")
    assert cgroup.end(tmp_path / "gone")


def test_a_group_is_empty_when_the_kernel_says_so(tmp_path: Path) -> None:
    (tmp_path / "cgroup.events").write_text("populated 1\nfrozen 0\n")
    assert not cgroup.is_empty(tmp_path)
