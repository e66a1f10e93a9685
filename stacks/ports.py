"""Which ports of this laptop the stacks' gateways hold: two stacks with one port cannot be worked with side by side."""

from collections.abc import Iterator

from stacks import ledger
from stacks.errors import ConfigError, DayboxError
from stacks.places import ledger_dir
from stacks.settings import Settings
from stacks.stack_file import path_of, raw_of
from stacks.values import own_port
from stacks.webui import webui_port


def ports_of(port: int, *, webui: bool) -> set[int]:
    """The ports that the gateway of a stack holds. port: the stack's own."""
    return {port, webui_port(port)} if webui else {port}


def ports_in_file(stack: str) -> set[int]:
    """The ports that a stack's file asks for; those of its name if it has no file or no number there."""
    raw = raw_of(stack)[0] if path_of(stack).is_file() else {}
    text = raw.get("port", "")
    return ports_of(int(text) if text.isdecimal() else own_port(stack), webui=raw.get("webui") == "true")


def rented_stacks() -> Iterator[str]:
    """The stacks with a lease that is not closed, as this laptop's ledger knows; what cannot be read is passed over."""
    for path in sorted(ledger_dir().glob("*.json")):
        try:
            entry = ledger.read(path.stem)
        except DayboxError:
            continue
        if entry and entry.ended is None:
            yield entry.stack


def check_ports(settings: Settings) -> None:
    """Raises ConfigError if a stack that is rented now has one of this one's ports."""
    mine = ports_of(settings.port, webui=settings.webui)
    for other in dict.fromkeys(rented_stacks()):
        if other != settings.stack and (both := mine & ports_in_file(other)):
            raise ConfigError(
                f"stacks/{settings.stack}/port: {min(both)} is a port of {other}, too, which is rented now",
                hint=f"pulumi config set -s {settings.stack} daybox:port {free_beside(settings)}",
            )


def free_beside(settings: Settings) -> int:
    """The next port that no rented stack has."""
    taken = {port for stack in rented_stacks() if stack != settings.stack for port in ports_in_file(stack)}
    port = settings.port
    while ports_of(port, webui=settings.webui) & taken:
        port += 1
    return port
