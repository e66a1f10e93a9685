"""Settings -> the files a box gets. User-data carries them to a new box, `fab bootstrap` to one that has others."""

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from stacks import webui
from stacks.catalog import WEBUI_IMAGE
from stacks.engines import Engine, engines_of, mounts, vllm_words
from stacks.errors import ConfigError
from stacks.settings import Settings
from stacks.stages import GRAPH, Stage, unit
from stacks.volume_size import device
from templates import program, render
from templates.comments import without_comments

HOME = "/opt/daybox"
UNITS = "/etc/systemd/system"
BRIDGE = "daybox0"
# Debian's and Ubuntu's own group for whoever needs one; nothing on a box has it but units of ours, which by that may
# open connections (templates/seal.nft.j2). Source: base-passwd.
GROUP, GROUP_ID = "operator", 37
VOLUME_FILE = f"{HOME}/volume"  # names the volume's device, on a box that has one
HUB = "https://huggingface.co"
WAITED_FOR = ("download", "ready")  # by the stages that run them, until arming has brought them
LOOK_SECONDS = 20  # of the watchdog; an armed box outlives no hard limit by more than 3 minutes
# Source: Linode's API reference, `metadata.user_data`: "about 16kb encoded".
USER_DATA_LIMIT = 16_384
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass(frozen=True)
class File:
    """One file of a box. mode: permission bits; root owns it."""

    path: str
    mode: int
    content: str


@dataclass(frozen=True)
class Bundle:
    """The files of a box, the last of which holds the hash of the others."""

    contents: tuple[File, ...]

    @cached_property
    def sha256(self) -> str:
        """The same for the same paths, modes and contents, and no others."""
        rows = sorted([file.path, file.mode, file.content] for file in self.contents)
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    @property
    def files(self) -> tuple[File, ...]:
        """Every file; the stamp comes last, so that it is never true too early."""
        return *self.contents, File(f"{HOME}/bundle.sha256", 0o644, f"{self.sha256}\n")


def bundle_for(settings: Settings) -> Bundle:
    """All that a box of these settings gets, but limits and token: those come with arming."""
    stages = stages_of(settings)
    graph = [stage_unit(one, stages) for one in stages]
    names = dict.fromkeys(("apt", "seal", *(stage.program for stage in stages)))
    programs = [own_program(name) for name in names if name not in WAITED_FOR]
    return Bundle(
        (
            *watchdog_files(),
            *programs,
            *graph,
            *(webui_files(settings) if settings.webui else ()),
            *([File(VOLUME_FILE, 0o644, f"{device(settings.stack)}\n")] if settings.volume else []),
            unit_file("daybox.target", "daybox.target.j2", units=target_units(settings)),
            unit_file("daybox-seal.service", "seal.service.j2"),
            unit_file("daybox-open.service", "open.service.j2"),
            unit_file("docker.service.d/daybox.conf", "docker.conf.j2"),
            File(f"{HOME}/seal.nft", 0o644, seal(settings)),
            File(f"{HOME}/compose.yaml", 0o644, compose(settings)),
            File(f"{HOME}/facts.json", 0o644, json.dumps(facts(settings)) + "\n"),
        )
    )


def stages_of(settings: Settings) -> tuple[Stage, ...]:
    """The stages of a box of these settings."""
    return tuple(stage for stage in GRAPH if settings.volume or stage.name != "volume")


def stage_unit(stage: Stage, stages: Iterable[Stage]) -> File:
    """The unit of a stage. stages: those that the box has."""
    return unit_file(unit(stage.name), "stage.service.j2", stage=stage, units=needed(stage, stages), group=GROUP)


def needed(stage: Stage, stages: Iterable[Stage]) -> list[str]:
    """The units without which the stage's does not start. stages: those that the box has."""
    before = [other.name for other in stages if other.name in stage.after]
    more = [*(["seal"] if stage.name == "vllm" else []), *(["open"] if stage.opens == "docker" else [])]
    return [unit(name) for name in (*before, *more)]


def watchdog_files() -> tuple[File, ...]:
    """What arming brings in any case: the watchdog, what it needs to speak, and what 16 KB have no room for."""
    return (
        *(own_program(name) for name in ("watchdog", "own-host-key", *WAITED_FOR, "stage", "report", "cache")),
        *(own_module(name) for name in ("watchdog_api", "watchdog_rules", "watchdog_words")),
        File("/etc/sysctl.d/60-daybox.conf", 0o644, written("panic.conf.j2")),
        unit_file("daybox-watchdog.service", "watchdog.service.j2", group=GROUP),
        unit_file("daybox-watchdog.timer", "watchdog.timer.j2", seconds=LOOK_SECONDS),
    )


def webui_files(settings: Settings) -> tuple[File, ...]:
    """What a box with Open WebUI gets beside all others. No file of vLLM's differs, so vLLM goes on as it is."""
    mounts = (
        "data:/app/backend/data",
        *(f"{path}:/run/secrets/{path.rpartition('/')[2]}:ro" for path in (webui.SECRET_FILE, webui.PASSWORD_FILE)),
        "/etc/daybox/vllm-key:/run/secrets/vllm-key:ro",  # vLLM takes one key from its environment; argv shows more
    )
    compose = written(
        "webui.yaml.j2",
        image=WEBUI_IMAGE,
        environment=webui.environment(webui.webui_port(settings.port)),
        mounts=mounts,
        port=webui.BOX_PORT,
        inside_port=webui.INSIDE_PORT,
        data=webui.DATA,
    )
    return (
        own_program("webui"),
        unit_file(unit("webui"), "webui.service.j2"),
        File(f"{HOME}/webui.yaml", 0o644, compose),
    )


def target_units(settings: Settings) -> tuple[str, ...]:
    """What is started at every boot."""
    return (*(unit(stage.name) for stage in stages_of(settings)), *([unit("webui")] if settings.webui else []))


def seal(settings: Settings) -> str:
    """The rules that let no container open a connection, but Open WebUI one to vLLM, and few programs of the box."""
    inside_port = webui.VLLM_PORT if settings.webui else None
    return written("seal.nft.j2", bridge=BRIDGE, group=GROUP_ID, inside_port=inside_port)


def own_program(name: str) -> File:
    """A program of ours in /opt/daybox/bin."""
    return File(f"{HOME}/bin/{name}", 0o755, program(name))


def own_module(name: str) -> File:
    """What a program of ours imports; beside it, at the import path that it has in this repository."""
    return File(f"{HOME}/bin/templates/box/{name}.py", 0o644, program(name))


def unit_file(name: str, template: str, **context: object) -> File:
    """A file that systemd reads."""
    return File(f"{UNITS}/{name}", 0o644, written(template, **context))


def written(template: str, **context: object) -> str:
    """A rendered file without its comments, but for the first line."""
    return without_comments(render(template, **context))


def facts(settings: Settings) -> dict[str, object]:
    """What the on-box programs must know."""
    device, engines = settings.device, engines_of(settings)
    return {
        "hub": HUB,
        "image": {"name": device.image, "tar": device.image_tar},
        **{role: model_facts(engine) for role, engine in zip(("model", "architect"), engines, strict=False)},
    }


def model_facts(engine: Engine) -> dict[str, str]:
    """What they must know of one model."""
    model = engine.model
    return {"name": model.name, "hub_id": model.hub_id, "revision": model.revision, "served": engine.names[0]}


def compose(settings: Settings) -> str:
    """vLLM's container, or two of them."""
    device = settings.device
    services = [
        {
            "name": engine.container,
            "port": engine.port,
            "command": vllm_words(settings, engine),
            "mounts": mounts(settings, engine),
            "revision": engine.model.revision,
        }
        for engine in engines_of(settings)
    ]
    return written(
        "compose.yaml.j2",
        image=device.image,
        services=services,
        environment={**OFFLINE, **device.environment},
        gpu=device.gpu,
        bridge=BRIDGE,
    )


def user_data(
    bundle: Bundle, host_key_private: str, host_key_public: str, authorized_keys: Iterable[str] = ()
) -> bytes:
    """The cloud-config that makes a new box ready by itself, gzipped.

    What arming brings in any case is left out: a box that was never armed is deleted, and 16 KB are few.
    """
    brought = {file.path for file in watchdog_files()} - {f"{HOME}/bin/stage"}
    text = render(
        "user-data.yaml.j2",
        files=[file for file in bundle.files if file.path not in brought],
        host_key_private=host_key_private,
        host_key_public=host_key_public,
        authorized_keys=list(authorized_keys),
    )
    return gzip.compress(text.encode(), 9, mtime=0)


def as_base64(data: bytes) -> str:
    """`data` as the API wants it. Raises ConfigError if that is more than the API takes."""
    text = b64encode(data).decode()
    if len(text) > USER_DATA_LIMIT:
        raise ConfigError(
            f"templates/user-data.yaml.j2: user-data has {len(text)} bytes in base64, the API takes {USER_DATA_LIMIT}",
            hint="let `fab bootstrap` bring a part of the bundle",
        )
    return text
