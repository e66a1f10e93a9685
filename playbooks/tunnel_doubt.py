"""When to doubt an ssh that still seems to be up: this laptop slept, or would now leave by another address.

Left alone, ssh notices a dead connection after 15 to 20 s. A doubt is no proof: the connection is asked first.
"""

import asyncio
import socket
import time
from asyncio.subprocess import DEVNULL
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from playbooks.tunnel_files import Orders, over_tunnel
from stacks.ssh import environment

LOOK_SECONDS = 1.0
NAP_SECONDS = 5.0  # a connection outlives a shorter sleep, and a clock that is set a little
ANSWER_SECONDS = 3.0  # a living connection answers within one round trip
SLEPT_WORD = "this laptop slept, and its connection did not outlive it"
MOVED_WORD = "this laptop is in another network, and its connection did not come along"


def probe_words(orders: Orders) -> list[str]:
    """Arguments that ask the box for a sign over the tunnel's own connection, and never over a new one."""
    return over_tunnel(orders.ssh_config, orders.alias, "true")


def slept_seconds() -> float:
    """How long this laptop has slept, counted from no certain moment: only its growth means something.

    Linux has a clock that counts sleep; elsewhere a wall clock that was set looks like sleep, too, which costs a probe.
    """
    with_sleep = getattr(time, "CLOCK_BOOTTIME", None)
    now = time.time() if with_sleep is None else time.clock_gettime(with_sleep)
    return now - time.monotonic()


def own_address(address: str) -> str:
    """From which address this laptop would reach `address` now; empty if not at all. Nothing is sent for it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as unsent:
        unsent.connect((address, 22))
        return str(unsent.getsockname()[0])
    return ""


@dataclass
class Doubt:
    """Whether something happened that a connection to `address` may not outlive. probe: asks it for a sign."""

    address: str
    probe: Sequence[str]
    slept: Callable[[], float] = slept_seconds
    here: Callable[[str], str] = own_address
    _slept: float = field(init=False)
    _here: str = field(init=False)

    def __post_init__(self) -> None:
        self.settle()

    def settle(self) -> None:
        """What is so now is what a new connection begins with."""
        self._slept, self._here = self.slept(), self.here(self.address)

    def reason(self) -> str:
        """What happened since the last look, in words; empty for nothing."""
        slept, here = self.slept() - self._slept, self.here(self.address)
        if not here:  # nothing can give a sign yet: a connection may outlive a nap, and the Wi-Fi comes seconds later
            return ""
        moved = here != self._here
        self._slept, self._here = self.slept(), here
        if slept > NAP_SECONDS:
            return SLEPT_WORD
        return MOVED_WORD if moved else ""

    async def confirmed(self, folder: Path) -> str:
        """Waits until there is a reason and the connection gives no sign; then the reason."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (reason := self.reason()) and not await answers(self.probe, folder):
                return reason


async def answers(probe: Sequence[str], folder: Path) -> bool:
    """Whether the probe, run in the tunnel's `folder`, comes back in time."""
    process = await asyncio.create_subprocess_exec(
        *probe, cwd=folder, env=environment(), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        return await asyncio.wait_for(process.wait(), ANSWER_SECONDS) == 0
    except TimeoutError:
        return False
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
