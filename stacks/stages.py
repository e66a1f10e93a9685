"""The stages in which a box becomes ready, and their order: units, progress display and tests read this table."""

from dataclasses import dataclass
from typing import Literal

# What a stage's unit may do; the directives stand in templates/stage.service.j2.
Sandbox = Literal["client", "download", "packages", "modules", "mount"]
# Who opens connections for a stage, past the seal of the box: its own processes, or Docker while it runs.
Opener = Literal["", "itself", "docker"]


@dataclass(frozen=True)
class Stage:
    """One step of becoming ready.

    program: its file in /opt/daybox/bin. after: stages that must have succeeded. minutes: it has failed by then.
    sandbox: empty if no unit of the graph runs it. opens: who of it may open connections (templates/seal.nft.j2).
    optional: only boxes that are asked for it have it.
    """

    name: str
    program: str
    title: str
    after: tuple[str, ...] = ()
    minutes: int = 0
    sandbox: Sandbox | Literal[""] = ""
    opens: Opener = ""
    optional: bool = False


STAGES = (
    # First: a box that fails later must still end itself. No unit runs it: arming does, once it has proved itself.
    Stage("watchdog", "watchdog", "the box can end itself"),
    Stage("driver", "driver", "the GPU's driver", minutes=25, sandbox="modules", opens="itself"),
    # It may have to wait until the driver's packages are installed: dpkg has one lock.
    Stage("docker", "docker-engine", "Docker", minutes=45, sandbox="packages", opens="itself"),
    # Pulling needs the daemon, not the GPU.
    Stage("image", "image", "vLLM's image", after=("docker",), minutes=45, sandbox="client", opens="docker"),
    # `up` attaches it when the box is armed: a disk that fails must not be in the way of what ends the box.
    Stage("volume", "volume", "the volume that is kept", minutes=20, sandbox="mount", optional=True),
    # Needs nothing but the network, and where they are to be kept: the longest lane must not wait for the others.
    Stage("weights", "weights", "the model's weights", ("volume",), minutes=90, sandbox="download", opens="itself"),
    Stage("vllm", "vllm", "vLLM's container", after=("driver", "image", "weights"), minutes=5, sandbox="client"),
    Stage("ready", "ready", "the first completion", after=("vllm",), minutes=60, sandbox="download"),
)
GRAPH = tuple(stage for stage in STAGES if stage.sandbox)


def stage_named(name: str) -> Stage:
    """The stage of that name. Raises KeyError if there is none."""
    return {stage.name: stage for stage in STAGES}[name]


def unit(name: str) -> str:
    """The systemd unit of a stage."""
    return f"daybox-{name}.service"


GRAPH_UNITS = tuple(unit(stage.name) for stage in GRAPH)
