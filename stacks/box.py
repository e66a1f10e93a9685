"""Box: what playbooks know of a running box. It travels as stack outputs; both directions stand side by side."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from stacks.ssh import Target, prepare


@dataclass(frozen=True)
class Box:
    """One box of one lease, as its stack declared it.

    usd_per_hour: None if no price is known. dies_at: the hard end of the lease, UTC, `YYYY-MM-DDTHH:MM:SSZ`.
    host_key: the key the box made itself, `ssh-ed25519 AAAA…`. port: the gateway's, on this laptop.
    webui: whether it has Open WebUI. architect_name: as the second model is served, beside the first; empty: there is
    none, and the first has both roles. What has a default may be missing in the outputs of an older `up`.
    """

    stack: str
    lease: str
    cloud: str
    api_url: str
    instance_id: int
    address: str
    region: str
    plan: str
    usd_per_hour: float | None
    price_source: str
    model: str
    served_name: str
    port: int
    dies_at: str
    idle_minutes: float
    host_key: str
    bundle_sha256: str
    login_key: str
    webui: bool = False
    architect_name: str = ""

    @classmethod
    def from_outputs(cls, outputs: Mapping[str, Any]) -> "Box":
        """The box in `pulumi stack output --json`: name -> plain value. Raises KeyError if the stack is not up."""
        names = {camel(field.name): field for field in fields(cls)}
        given = [name for name, field in names.items() if name in outputs or field.default is MISSING]
        values = {names[name].name: outputs[name] for name in given}
        for name in ("instance_id", "port"):
            values[name] = int(float(values[name]))  # Pulumi's numbers are floats
        return cls(**values)

    @staticmethod
    def to_outputs(**values: object) -> dict[str, object]:
        """The stack outputs that `from_outputs` reads back; values may be Pulumi outputs still to come."""
        missing = {field.name for field in fields(Box)} ^ set(values)
        if missing:
            raise TypeError(f"Box.to_outputs: {', '.join(sorted(missing))} missing or too many")
        return {camel(name): value for name, value in values.items()}

    @property
    def alias(self) -> str:
        """The name that stands for this box in ssh."""
        return alias(self.instance_id)


def alias(instance_id: int) -> str:
    """The name of a box in ssh's files; it holds the id because addresses are recycled."""
    return f"daybox-{instance_id}"


def box_target(box: Box) -> Target:
    """The box as ssh reaches it, its files written."""
    return prepare(Target(box.stack, box.address, box.alias, Path(box.login_key), (box.host_key,)))


def camel(name: str) -> str:
    """`usd_per_hour` -> `usdPerHour`, the form that Pulumi's outputs and config keys have."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
