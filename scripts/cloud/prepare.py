"""`python -m scripts.cloud prepare [PART…] [--check]`: what boxes are made of, made once and kept in the cache.

rootfs    Debian 13                      image      a container's Python, cut out of rootfs
site      vLLM and what it needs         model      SmolLM2 as vLLM reads it
first-run what vLLM learns at its first start
"""

import functools
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.cloud import first_run, image, model, rootfs, vllm_site
from scripts.cloud.parts import Part, make_all, missing, only_one, recipe_hash, with_needs
from scripts.cloud.programs import end_all
from stacks.errors import CloudError, NotReadyError, UsageError
from stacks.places import cache_dir

STOPPED = 130  # as a shell says it of Ctrl-C


def parts(cache: Path) -> dict[str, Part]:
    """Every part by name, in an order in which each comes after what it needs."""
    root, site = rootfs.recipe(), vllm_site.recipe()
    tar = recipe_hash(root, Path(image.__file__).read_text())
    root_folder, site_folder = cache / "rootfs" / root, cache / "site" / site
    model_folder = cache / "models" / model.NAME / recipe_hash(model.recipe())
    learned = cache / "vllm-cache" / first_run.recipe(site)
    make_model = functools.partial(model.build, rootfs=root_folder, site=site_folder)
    run_once = functools.partial(first_run.build, rootfs=root_folder, site=site_folder, model=model_folder)
    every = (
        Part("rootfs", "Debian 13, by mmdebstrap", root_folder, rootfs.build, download_mib=161),
        Part("site", "vLLM for the CPU", site_folder, vllm_site.build, download_mib=vllm_site.download_mib()),
        Part("image", "a container's Python", cache / f"image/{tar}.tar", image_of(root_folder), ("rootfs",)),
        Part("model", "SmolLM2-135M, converted", model_folder, make_model, ("rootfs", "site"), model.MIB),
        Part("first-run", "vLLM's first start", learned, run_once, ("rootfs", "site", "model")),
    )
    return {part.name: part for part in every}


def image_of(root_folder: Path) -> functools.partial[None]:
    """What builds the image out of this root file system."""
    return functools.partial(image.write_image, root_folder)


def handed_in(cache: Path) -> dict[str, Path]:
    """Place in the box, below /var/cache/daybox -> what to mount there; only what is prepared."""
    places = {
        "image/vllm-cpu.tar": "image",
        "site": "site",
        f"models/{model.NAME}": "model",
        f"models/{model.TWIN}": "model",
        "vllm-cache": "first-run",
    }
    every = parts(cache)
    return {place: every[name].target for place, name in places.items() if every[name].is_there}


def prepared_rootfs(cache: Path) -> Path:
    """The root file system of boxes. Raises CloudError if it is not made."""
    part = parts(cache)["rootfs"]
    if not part.is_there:
        raise CloudError("local cloud: its boxes have no root file system", hint="run: scripts/setup try")
    return part.target


def main(names: Sequence[str] = (), *, check: bool = False) -> None:
    """Make what is missing and say what it took; with `check` only look. Raises DayboxError if a part is not there."""
    every = parts(cache_dir())
    if unknown := [name for name in names if name not in every]:
        raise UsageError(f"prepare: no part {unknown[0]!r}", hint=f"choose from: {', '.join(every)}")
    wanted = with_needs(every, names or list(every))
    if check:
        report(wanted)
    else:
        make(wanted)


def report(wanted: Sequence[Part]) -> None:
    """Print what is there; change nothing. Raises NotReadyError if anything is missing."""
    for part in wanted:
        state = "there" if part.is_there else f"missing, about {part.download_mib} MiB to fetch"
        print(f"  {part.name:<10} {part.what:<26} {state}")
    if lacking := missing(wanted):
        raise NotReadyError(
            f"prepare: not there: {', '.join(part.name for part in lacking)}",
            hint="run: scripts/setup try",
        )


def make(wanted: Sequence[Part]) -> None:
    """Make what is missing, parts that need nothing of each other side by side."""
    if not missing(wanted):
        print("prepare: everything is there")
        return
    if os.geteuid() != 0:
        raise CloudError("prepare: boxes need root", hint="run it as root; the Linode stacks do not need it")
    os.umask(0o022)  # what is made here is a system's, whoever makes it
    began, fetched = time.monotonic(), received_mib()
    try:
        with only_one(cache_dir()):
            make_all(missing(wanted), say)  # asked again: another run may have made them meanwhile
    except KeyboardInterrupt:
        end_all()
        print("prepare: stopped; run it again to go on, what is complete is kept", file=sys.stderr)
        raise SystemExit(STOPPED) from None
    print(f"  all        {time.monotonic() - began:.1f} s, {received_mib() - fetched:.0f} MiB came in meanwhile")


def say(part: Part, seconds: float) -> None:
    """One line for a part that is made."""
    fetched = f", up to {part.download_mib} MiB fetched" if part.download_mib else ""
    print(f"  {part.name:<10} {part.what:<26} {seconds:.1f} s{fetched}", flush=True)


def received_mib() -> float:
    """MiB that this machine's links have received since it started."""
    links = Path("/sys/class/net").glob("*/statistics/rx_bytes")
    return sum(int(link.read_text()) for link in links if link.parts[4] != "lo") / 2**20


if __name__ == "__main__":
    main(sys.argv[1:])
