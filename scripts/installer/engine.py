"""The part `pulumi`: a Pulumi CLI that is new enough. On PATH, else Pulumi's own download, else built by Go."""

import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.installer import go_build, uv
from scripts.installer.failure import SetupError
from scripts.installer.job import Job
from scripts.installer.lane import Lane
from scripts.installer.paths import newest_kept, pulumi_on_path, version_of
from scripts.installer.pins import PULUMI_BUILT, PULUMI_FLOOR
from scripts.installer.stamps import stamp_of, write_stamp
from stacks.places import cache_dir

# Where the Automation API's PulumiCommand.install begins (pulumi 3.272.0, automation/_cmd.py).
DOWNLOAD_SITE = "https://get.pulumi.com/install.sh"
ANSWER_SECONDS = 5.0
DOWNLOAD_SECONDS = 300.0  # 150 MB on a slow link
# Its root is an argument; its version is that of the Python SDK. Nothing else of it has a time-out of its own.
DOWNLOAD = """import socket, sys
socket.setdefaulttimeout(10)
from pulumi.automation import PulumiCommand
PulumiCommand.install(root=sys.argv[1])
"""
DOWNLOADED = "downloaded"


def ask(job: Job) -> str | None:
    """Version and place of the CLI that will be used, if there is one."""
    on_path = pulumi_on_path()
    if on_path is not None:
        return f"{_number(on_path)} on PATH ({on_path})"
    kept = newest_kept(cache_dir() / "pulumi")
    if kept is None or stamp_of(kept.parent) not in (DOWNLOADED, go_build.made_from()):
        return None
    return f"{kept.parent.name} in {kept}"


def act(lane: Lane) -> None:
    """Download it where that can be done, else build it."""
    if not (site_answers() and download(lane)):
        build(lane)


def site_answers() -> bool:
    """Whether Pulumi's download site can be reached from here: asked first, so that a build can begin at once."""
    try:
        with urllib.request.urlopen(DOWNLOAD_SITE, timeout=ANSWER_SECONDS) as reply:
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False


def download(lane: Lane) -> bool:
    """Let the Automation API install the CLI of the Python SDK's version; False if it could not."""
    lane.wait_for("libraries")
    with draft_folder() as draft:
        try:
            lane.run(uv.PYTHON, "-c", DOWNLOAD, draft, limit_seconds=DOWNLOAD_SECONDS)
        except SetupError:
            return False
        keep(draft, _number(draft / "bin"), DOWNLOADED)
    return True


def build(lane: Lane) -> None:
    """Build the CLI and its language host from the Go module proxy. Raises SetupError with the other way to get one."""
    try:
        with draft_folder() as draft:
            go_build.build(lane, draft / "bin")
            keep(draft, PULUMI_BUILT, go_build.made_from())
    except SetupError as error:
        floor = ".".join(map(str, PULUMI_FLOOR))
        raise SetupError(error.fact, hint=f"{error.hint}, or put Pulumi {floor} or newer on PATH") from error


@contextmanager
def draft_folder() -> Iterator[Path]:
    """An empty folder beside the kept versions; whatever is left in it, also by a killed run, goes."""
    folder = cache_dir() / "pulumi"
    for left in folder.glob(".draft-*"):
        shutil.rmtree(left, ignore_errors=True)
    draft = folder / f".draft-{os.getpid()}"
    (draft / "bin").mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def keep(draft: Path, version: str, made_from: str) -> None:
    """Stamp the complete draft and move it in place of what is there, which programs may still be running from."""
    write_stamp(draft, made_from)
    place = draft.with_name(version)
    if place.exists():
        place.rename(draft.with_name(f".draft-old-{os.getpid()}"))  # the next draft removes it
    draft.rename(place)


def _number(folder: Path) -> str:
    return ".".join(map(str, version_of(folder / "pulumi")))
