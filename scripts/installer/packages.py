"""The part `packages`: programs of the system. On Debian and Ubuntu root gets them; all others get the line to type."""

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from scripts.installer.failure import SetupError
from scripts.installer.job import ALL, WITH_A_BOX, Job
from scripts.installer.lane import Lane

SBIN = "/usr/sbin:/sbin"  # where nft and ip are, and what is not on everybody's PATH


@dataclass(frozen=True)
class Need:
    """A program or file, the Debian package that has it, the jobs that use it, and what for."""

    program: str
    package: str
    jobs: frozenset[Job]
    why: str

    def is_met(self) -> bool:
        """Whether it is here."""
        if self.program == VENV_MODULE:
            return find_spec(self.program) is not None
        if self.program.startswith("/"):  # a file; elsewhere than on Debian and Ubuntu it lies elsewhere
            return Path(self.program).exists() or shutil.which("apt-get") is None
        return shutil.which(self.program, path=f"{os.environ.get('PATH', '')}:{SBIN}") is not None


VENV_MODULE = "ensurepip"  # Debian leaves it out of its Python, and `python3 -m venv` needs it
NEEDS = (
    Need(VENV_MODULE, f"python3.{sys.version_info.minor}-venv", ALL, "makes .venv"),
    Need("/etc/ssl/certs/ca-certificates.crt", "ca-certificates", ALL, "lets downloads be trusted"),
    Need("ssh", "openssh-client", ALL, "the only way to a box"),
    Need("git", "git", ALL, "aider commits with it"),
    Need("systemd-nspawn", "systemd-container", WITH_A_BOX, "boots a local box"),
    Need("mmdebstrap", "mmdebstrap", WITH_A_BOX, "makes its root file system"),
    Need("/usr/share/keyrings/debian-archive-keyring.gpg", "debian-archive-keyring", WITH_A_BOX, "proves its packages"),
    Need("gpg", "gpg", WITH_A_BOX, "reads those keys"),
    Need("nft", "nftables", WITH_A_BOX, "holds its firewall"),
    Need("ip", "iproute2", WITH_A_BOX, "makes its link"),
    Need("cron", "cron", frozenset({Job.TEST}), "sweeps where systemd does not"),
)


def ask(job: Job) -> str | None:
    """That every program is here."""
    return None if missing(job, NEEDS) else ", ".join(need.program for need in NEEDS if job in need.jobs)


def act(lane: Lane) -> None:
    """Install what is missing, or raise SetupError with the line to type."""
    needs = missing(lane.job, NEEDS)
    if lane.job in WITH_A_BOX and sys.platform != "linux":
        raise SetupError(
            "packages: a local box needs Linux", hint="scripts/setup laptop is for renting real ones from here"
        )
    line = install_line(need.package for need in needs)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        what = ", ".join(f"{need.program} ({need.why})" for need in needs)
        raise SetupError(
            f"packages: not here: {what}", hint=f"type: {line}, or what your system has for it" + otherwise(needs)
        )
    lane.run("apt-get", "update", "-q", env=QUIET)
    lane.run(*line.removeprefix("sudo ").split(), env=QUIET)


def otherwise(needs: Iterable[Need]) -> str:
    """Another way for those who cannot have what only a local box needs."""
    only_a_box = all(need.jobs == WITH_A_BOX for need in needs)
    return "; the Linode stacks do not need it: scripts/setup laptop" if only_a_box else ""


# No questions, and wait for another apt rather than fail beside it.
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def install_line(packages: Iterable[str]) -> str:
    """The line that brings `packages` on Debian and Ubuntu."""
    options = "-y --no-install-recommends -o DPkg::Lock::Timeout=120"
    return f"sudo apt-get install {options} {' '.join(packages)}"


def missing(job: Job, needs: Iterable[Need]) -> list[Need]:
    """What `job` needs and is not here."""
    return [need for need in needs if job in need.jobs and not need.is_met()]
