"""What set-up brings, as a table: the order, the jobs, and why."""

from collections.abc import Callable
from dataclasses import dataclass

from scripts.installer import aider, engine, javascript, libraries, local_cloud, packages, tried_clients
from scripts.installer.job import ALL, FOR_CHANGES, ONLY_TEST, WITH_A_BOX, Job
from scripts.installer.lane import Lane


@dataclass(frozen=True)
class Part:
    """One part. `ask` tells what is there if it is right already, else None; `act` brings it.

    seconds, download_mb: from empty caches on two cores; for people, and for the order of the table.
    """

    name: str
    what: str
    jobs: frozenset[Job]
    ask: Callable[[Job], str | None]
    act: Callable[[Lane], None]
    seconds: int
    download_mb: int
    after: tuple[str, ...] = ()

    def size(self) -> str:
        """How long it takes and how much it fetches, in words."""
        return f"about {self.seconds} s, {self.download_mb} MB"


# The longest first: it begins at once, and everything else runs beside it.
PARTS = (
    # It waits for `libraries` itself, and only if it can download: a build must not lose those seconds.
    Part("pulumi", "Pulumi's CLI", ALL, engine.ask, engine.act, seconds=190, download_mb=300),
    # mmdebstrap is a package, and its own libraries are in .venv.
    Part("cloud", "root file system, model and vLLM of the local cloud", WITH_A_BOX, local_cloud.ask, local_cloud.act,
         seconds=60, download_mb=3300, after=("packages", "libraries")),
    Part("clients", "the other clients of the leak table", ONLY_TEST, tried_clients.ask, tried_clients.act, seconds=55,
         download_mb=520, after=("libraries",)),
    Part("aider", "aider", ALL, aider.ask, aider.act, seconds=20, download_mb=150, after=("libraries",)),
    Part("packages", "programs of the system", ALL, packages.ask, packages.act, seconds=20, download_mb=20),
    # Debian's Python needs a package before it can make .venv.
    Part("libraries", "Python libraries", ALL, libraries.ask, libraries.act, seconds=15, download_mb=80,
         after=("packages",)),
    Part("npm", "Linode's validation of requests", FOR_CHANGES, javascript.ask, javascript.act, seconds=4,
         download_mb=3),
)  # fmt: skip


def parts_of(job: Job) -> list[Part]:
    """The parts that `job` needs."""
    return [part for part in PARTS if job in part.jobs]
