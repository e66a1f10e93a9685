"""Start one client: everything between a box and the client's exit status, the same for all of them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from playbooks.clients.client import Client, Conflict, Launch, Place, Way
from playbooks.clients.everywhere import HERE, for_all
from playbooks.clients.foreground import run_in_foreground
from playbooks.clients.in_use import in_use
from playbooks.clients.program import check_version, needed_program, version_of
from playbooks.clients.surroundings import surroundings
from playbooks.clients.way import check_window, way_to, write_files
from playbooks.command import busy
from playbooks.endpoint import Endpoint, trusted
from playbooks.progress import say
from playbooks.tunnel_files import GATEWAY_SOCKET, tunnel_dir
from playbooks.usage import tried
from stacks.errors import LeakError, ModelError

if TYPE_CHECKING:
    from stacks.box import Box

SEALED_LINE = "sealed: it, and what it runs (git push, npm install, pip), reaches the gateway and nothing else"
PINNED_LINE = (
    "model, endpoint and proxies are pinned to the gateway; commands it runs for you (tests, git push) inherit a dead"
    " proxy and reach the network only past it"
)
ASKED_OPEN = "as you asked"
OVERFLOW_HINT = "give it fewer or smaller files (aider: /drop, /clear), or a longer window: fab switch --context"


@dataclass(frozen=True)
class Door:
    """Where a client's requests go in. way: the Unix socket of who answers them.

    port: of loopback, the same one's own; open_because: why the client is not sealed; empty: it is, and then the port
    is one of the seal's own.
    """

    way: Path
    port: int
    open_because: str = ""

    def words(self, words: Sequence[str], *kept: Path) -> list[str]:
        """The words that run these words. kept: of daybox's own folders, what they still see."""
        if self.open_because:
            return list(words)
        from playbooks import seal

        return seal.sealed(words, self.port, self.way, kept=kept)

    def line(self) -> str:
        """What a person should know of it."""
        return f"not sealed: {self.open_because}; {PINNED_LINE}" if self.open_because else SEALED_LINE


def start_client(
    box: "Box", client: Client, own: Sequence[str], *, sealed: bool | None = None, recorder: Door | None = None
) -> int:
    """The client's exit status, in the user's own folder. own: the user's words for it.

    sealed: True insists on it, False does without, None seals where it can be done. recorder: what stands before the
    gateway, and is held by us. Some clients exit with 0 when the model is unreachable, so the endpoint is tried before,
    and asked after. Raises UsageError, ConfigError, BoxError, ModelError, LeakError.
    """
    because = why_open(sealed)
    program = needed_program(client)
    way_in = gateway_socket(box)
    version = version_of(client, program, Door(way_in, box.port, because).words)
    known = check_version(client, version, sealed=not because)
    overruled = none_wins(client, conflicts_of(client, Place(os.environ, Path.cwd(), Path.home(), box.port)))
    recorded = nullcontext(replace(recorder, open_because=because)) if recorder else None
    own_port = bool(because or recorder)  # any other port in its files is the gateway's
    with in_use(box.stack, client.name, alone=own_port), recorded or held_door(box, way_in, because) as door:
        endpoint = trusted(box, client.name)
        way = tried_way(box, client, endpoint)
        launch = prepare(client, replace(way, base=Endpoint(door.port).base), own, os.environ)
        for line in (*overruled, *([known] if known else []), f"{client.name}: {door.line()}"):
            say(line)
        before = endpoint.usage()
        status = run_in_foreground(door.words([program, *launch.words], way.folder), launch.environment)
    report_failures(way, client, before, endpoint.usage())
    return status


def why_open(sealed: bool | None) -> str:
    """Why the client is not sealed; empty: it is. Raises LeakError if a seal is insisted on and cannot be."""
    if sealed is False:
        return ASKED_OPEN
    from playbooks import seal

    refused = seal.refusal()
    if refused and sealed:
        raise LeakError(f"--sealed: {refused}", hint="left out, a client is pinned to the gateway without a seal")
    return refused


def gateway_socket(box: "Box") -> Path:
    """The gateway's Unix socket, to which nobody else on this laptop can come."""
    return tunnel_dir(box.stack).resolve() / GATEWAY_SOCKET


@contextmanager
def held_door(box: "Box", way_in: Path, because: str) -> Iterator[Door]:
    """The gateway's door. Without a seal it is a port that we hold ourselves, which nobody else can take if the gateway
    ends while the client runs."""
    if not because:
        yield Door(way_in, box.port)
        return
    from playbooks import seal

    with seal.guard(way_in) as port:
        yield Door(way_in, port, because)


def conflicts_of(client: Client, place: Place) -> list[Conflict]:
    """What leads any client elsewhere, and what leads this one; each name once."""
    own = client.conflicts(place)
    said = {name for one in own if one.place == HERE for name in one.names}
    everywhere = (replace(one, names=tuple(name for name in one.names if name not in said)) for one in for_all(place))
    return [*(one for one in everywhere if one.names), *own]


def none_wins(client: Client, found: Sequence[Conflict]) -> list[str]:
    """A line for each place that leads elsewhere and is overruled. Raises LeakError, naming all that is not."""
    if winning := [one for one in found if one.wins]:
        facts = "; ".join(f"{one.words()}: {one.wins}" for one in winning)
        raise LeakError(f"{client.name}: {facts}", hint="take it out, or work in another folder: nothing was started")
    return [f"{client.name}: {one.words()}: overruled" for one in found]


def tried_way(box: "Box", client: Client, endpoint: Endpoint) -> Way:
    """The way to the box's model, or two, once each has answered. Raises BoxError, ModelError."""
    way = way_to(box, endpoint, client.name)
    check_window(client, way.window_tokens)
    with busy(f"{client.name}: asking the model"):
        for served in filter(None, (way.model, way.architect)):
            endpoint.complete(served)
    return way


def prepare(client: Client, way: Way, own: Sequence[str], inherited: Mapping[str, str]) -> Launch:
    """Write the client's files, 0600 and outside the user's repository, and say how to start it with them."""
    words = client.words(way, own)
    write_files(client, way)
    return Launch(words, surroundings(inherited, client.dropped) | client.variables(way))


def report_failures(way: Way, client: Client, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """Say what did not fit. Raises ModelError if requests were made and not one succeeded: aider itself says 0 then."""
    made, failed = tried(before, after)
    too_long = after.get("overflow", 0) - before.get("overflow", 0)
    if made and made == failed:
        fact, hint = f"none of its {made} requests was answered by the model", "see above, and `fab tunnel.status`"
        if too_long == made:
            fact, hint = overflow_fact(way, too_long), OVERFLOW_HINT
        raise ModelError(f"{client.name}: {fact}", hint=hint)
    if too_long:
        say(f"{client.name}: {overflow_fact(way, too_long)}; {OVERFLOW_HINT}")


def overflow_fact(way: Way, too_long: int) -> str:
    """What became of prompts that did not fit."""
    windows = " or ".join(str(tokens) for tokens in (way.window_tokens, way.architect_window_tokens) if tokens)
    requests = "1 request was" if too_long == 1 else f"{too_long} requests were"
    return f"{requests} refused unread: prompt and answer do not fit into the model's window of {windows} tokens"
