"""Of all wheels of a package, the one that Debian 13's Python takes first."""

import pytest

from scripts.cloud import pin

RANKS = {tag: rank for rank, tag in enumerate(pin.tags())}
FIT = "x-1-cp313-cp313-manylinux_2_28_x86_64.whl"


@pytest.mark.parametrize(
    "other",
    [
        "x-1-cp312-cp312-manylinux_2_28_x86_64.whl",
        "x-1-cp313-cp313-manylinux_2_28_aarch64.whl",
        "x-1-cp313-cp313t-manylinux_2_28_x86_64.whl",
        "x-1-py3-none-any.whl",
        "x-1-cp38-abi3-manylinux_2_28_x86_64.whl",
    ],
    ids=["older python", "other processor", "free-threaded", "pure", "abi3"],
)
def test_the_wheel_made_for_this_python_comes_first(other: str) -> None:
    wheels = [{"url": f"https://x/{name}", "hashes": {"sha256": name[:12]}} for name in (other, FIT)]
    assert pin.pin({"name": "x", "version": "1", "wheels": wheels}, RANKS) == f"x==1 --hash=sha256:{FIT[:12]}"
