"""One stack's config as Settings: parsed once, at the border, every fault of it reported together."""

import ipaddress
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from stacks import catalog, sizing
from stacks.catalog import Cloud, Device, Model, Plan
from stacks.errors import ConfigError, DayboxError
from stacks.places import local_url, stack_dir

T = TypeVar("T")

KEYS = (
    *("cloud", "plan", "region", "model", "context", "sshFrom", "sshPublicKey"),
    *("idleMinutes", "maxLifetimeMinutes", "readyMinutes", "budgetUsd"),
    *("selfDestruct", "force", "port", "url", "boxToken"),
)
OPTIONAL_KEYS = ("boxToken",)  # a secret has no default in Pulumi.yaml
BOX_SIDE = "198.51.100.1"  # how a box of the local cloud reaches what is 127.0.0.1 here; see scripts/cloud/link.py
FIRST_PORT, PORTS = 18_000, 1_000  # away from what developers usually run, below Linux's ephemeral ports
IN_CLEAR = re.compile(r"http://127\.0\.0\.1(:[0-9]+)?/?")  # whole: 127.0.0.1.example.net is somebody's name
MINUTES_PER = {"s": 1 / 60, "m": 1, "h": 60, "": 1}


@dataclass(frozen=True)
class Settings:
    """What one stack asks for. Minutes, USD and tokens as their names say; urls without a trailing slash."""

    stack: str
    cloud: Cloud
    plan: Plan
    region: str
    model: Model
    context: int
    ssh_from: tuple[str, ...]
    ssh_public_key: Path
    idle_minutes: float
    max_lifetime_minutes: float
    ready_minutes: float
    budget_usd: float | None
    self_destruct: bool
    port: int
    api_url: str
    box_token: str = field(default="", repr=False)

    @classmethod
    def from_config(cls, stack: str, raw: Mapping[str, str]) -> "Settings":
        """One stack's settings, checked.

        raw: key without project prefix -> text, as `{"idleMinutes": "30"}`, the defaults of Pulumi.yaml included.
        Raises ConfigError: every fault, one a line, each `stacks/<stack>/<key>: fact; way out`.
        """
        return _Reader(stack, raw).settings()

    @property
    def device(self) -> Device:
        """What vLLM computes on with this plan."""
        return named(catalog.DEVICES, self.plan.device)

    @property
    def tp(self) -> int:
        """Tensor parallelism: all cards of the plan."""
        return max(1, self.plan.gpus)

    @property
    def served_name(self) -> str:
        """The name clients ask for: without a slash, and none that litellm knows."""
        return f"daybox-{self.model.name}"

    @property
    def box_api_url(self) -> str:
        """The API as the box reaches it: the same, unless it listens on this laptop's loopback."""
        return self.api_url.replace("127.0.0.1", BOX_SIDE)

    @property
    def login_key(self) -> Path:
        """The private half of `ssh_public_key`."""
        return self.ssh_public_key.with_suffix("")


class _Reader:
    """Reads key after key and collects the faults."""

    def __init__(self, stack: str, raw: Mapping[str, str]) -> None:
        self.stack, self.raw, self.faults = stack, raw, list[DayboxError]()

    def settings(self) -> Settings:
        for key in sorted(set(self.raw) - set(KEYS)):
            self.fault(key, "is no setting of daybox", f"choose from: {', '.join(KEYS)}")
        cloud = self.read("cloud", lambda text: named(catalog.CLOUDS, text))
        plan = self.read("plan", lambda text: named(catalog.PLANS, text))
        model = self.read("model", lambda text: named(catalog.MODELS, text))
        context = self.read("context", positive_whole)
        values = {
            "region": self.read("region", required),
            "ssh_from": self.read("sshFrom", networks),
            "ssh_public_key": self.read("sshPublicKey", self.public_key),
            "idle_minutes": self.read("idleMinutes", minutes),
            "max_lifetime_minutes": self.read("maxLifetimeMinutes", minutes),
            "ready_minutes": self.read("readyMinutes", minutes),
            "budget_usd": self.read("budgetUsd", lambda text: positive(text) if text else None),
            "self_destruct": self.read("selfDestruct", yes_or_no),
            "port": self.read("port", lambda text: positive_whole(text) if text else own_port(self.stack)),
            "api_url": self.read("url", lambda text: api_url(cloud, text) if cloud else text),
            "box_token": self.raw.get("boxToken", ""),
        }
        force = self.read("force", yes_or_no)
        if model and plan and context and not force:
            for reason in sizing.reasons_against(model, plan, context):
                self.fault("model", reason, f"take another plan or context, see stacks/Pulumi.{self.stack}.yaml")
        if self.faults:
            raise ConfigError(
                "\n".join(f.line() for f in self.faults[:-1]) + "\n" * (len(self.faults) > 1) + self.faults[-1].fact,
                hint=self.faults[-1].hint,
            )
        return Settings(stack=self.stack, cloud=cloud, plan=plan, model=model, context=context, **values)  # type: ignore[arg-type]

    def read(self, key: str, parse: Callable[[str], T]) -> T | None:
        """`parse` of the key's text; a ValueError(fact, hint) becomes a fault, and None is returned."""
        try:
            return parse(self.raw.get(key, "").strip())
        except ValueError as error:
            self.fault(key, *error.args)
            return None

    def fault(self, key: str, fact: str, hint: str = "") -> None:
        way_out = hint or f"set it: pulumi config set -s {self.stack} daybox:{key} VALUE"
        self.faults.append(ConfigError(f"stacks/{self.stack}/{key}: {fact}", hint=way_out.format(stack=self.stack)))

    def public_key(self, text: str) -> Path:
        path = Path(text).expanduser() if text else stack_dir(self.stack) / "login_ed25519.pub"
        if path.suffix != ".pub":
            raise ValueError(f"{text!r} is not the path of a public key", "name the file that ends in .pub")
        if not path.is_file():
            raise ValueError(f"{path} does not exist", f"make it: source scripts/env {self.stack}")
        return path


def named(rows: tuple[T, ...], name: str) -> T:
    """The row of that name. Raises ValueError(fact, hint) naming the choices."""
    by_name = {row.name: row for row in rows}  # type: ignore[attr-defined]
    if name not in by_name:
        raise ValueError(f"{name!r} is not in the catalog", f"choose from: {', '.join(by_name)}")
    return by_name[name]


def required(text: str) -> str:
    """The text, which must not be empty."""
    if not text:
        raise ValueError("is empty")
    return text


def positive(text: str) -> float:
    """A number above zero."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} is not above zero")
    return number


def positive_whole(text: str) -> int:
    """A whole number above zero."""
    number = positive(text)
    if number != int(number):
        raise ValueError(f"{text!r} is not a whole number")
    return int(number)


def minutes(text: str) -> float:
    """Minutes from `30`, `90s`, `30m` or `8h`."""
    match = re.fullmatch(r"([0-9.]+)\s*([smh]?)", text)
    if not match:
        raise ValueError(f"{text!r} is not a duration", "write minutes, or 90s, 30m, 8h")
    return positive(match[1]) * MINUTES_PER[match[2]]


def yes_or_no(text: str) -> bool:
    """True or False."""
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def networks(text: str) -> tuple[str, ...]:
    """CIDRs, at least one; a single address is its own network. The whole world is refused."""
    if not text:
        raise ValueError(
            "is empty, so nobody could reach the box",
            "say from where you work: pulumi config set -s {stack} daybox:sshFrom YOUR.PUBLIC.IP.ADDRESS/32",
        )
    try:
        found = [ipaddress.ip_network(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(str(error), "write CIDRs, separated by commas, as 203.0.113.7/32") from None
    if any(network.prefixlen == 0 for network in found):
        raise ValueError(f"{text!r} is the whole world", "name the networks you work from")
    return tuple(str(network) for network in found)


def own_port(stack: str) -> int:
    """A port that is always the same for one name, and rarely another stack's."""
    return FIRST_PORT + zlib.crc32(stack.encode()) % PORTS


def api_url(cloud: Cloud, text: str) -> str:
    """The API's address: the one set, else the cloud's own, else what the local cloud wrote down when it started."""
    if text and not (text.startswith("https://") or IN_CLEAR.fullmatch(text)):
        raise ValueError(f"{text!r} would carry the token in clear", "write https://…, or http://127.0.0.1:PORT")
    if text or cloud.api_url:
        return (text or cloud.api_url).rstrip("/")
    if url := local_url():
        return url
    raise ValueError("the local cloud is not running", "start it: source scripts/env local")
