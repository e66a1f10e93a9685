"""After a change: what clients were told of model, window and port is written anew, from what the box lists now."""

from dataclasses import dataclass
from pathlib import Path

from playbooks.clients import ROWS
from playbooks.clients.client import Client, Refused, Shown, Way
from playbooks.clients.in_use import in_use
from playbooks.clients.merged import is_merged, merge_way
from playbooks.clients.way import check_window, folder_of, way_to, write_files
from playbooks.endpoint import trusted
from playbooks.gateway_process import orders_for
from playbooks.progress import say
from playbooks.tunnel import PROBE_CLIENT, is_open
from playbooks.tunnel_files import tunnel_dir
from stacks.box import Box, box_target
from stacks.errors import DayboxError, UsageError

FAILURES = (DayboxError, OSError)  # a full disk is none of the change's business


@dataclass(frozen=True)
class Clients:
    """What became of them. window_tokens: as the box lists it; None: no tunnel is open. written: who has new files."""

    window_tokens: int | None = None
    written: tuple[str, ...] = ()

    def words(self) -> str:
        """What a person should know or do."""
        if self.window_tokens is None:
            return "no tunnel is open: `fab tunnel`, `fab launch` and `fab env` find the new model by themselves"
        own = f"files of {', '.join(self.written)} are written anew: start them again; " if self.written else ""
        return f'through the tunnel it lists {self.window_tokens} tokens; {own}other clients: eval "$(fab env)" again'


def rewrite(box: Box) -> Clients:
    """Write clients' files anew where a tunnel is open. What cannot be written is said: the change itself was done."""
    if not is_open(box, orders_for(box, box_target(box)), tunnel_dir(box.stack)):
        return Clients()
    try:
        window_tokens = trusted(box, PROBE_CLIENT).window(box.served_name)
    except FAILURES as error:
        say(words_of(error))
        return Clients()
    rows = (row for row in ROWS if not isinstance(row, Refused))
    return Clients(window_tokens, tuple(row.name for row in rows if is_rewritten(box, row)))


def is_rewritten(box: Box, row: Client | Shown) -> bool:
    """Write one client's files anew, if it was ever started, and its own, if they were merged into.

    True if something was written; what cannot be is said.
    """
    started = isinstance(row, Client) and folder_of(box.stack, row.name).is_dir()
    if not (started or is_merged(box.stack, row.name)):
        return False
    written = False
    try:
        way = way_to(box, trusted(box, row.name), row.name)
        if isinstance(row, Client) and started:
            check_window(row, way.window_tokens)
            written = is_written(row, box, way)
        if is_merged(box.stack, row.name):
            merge_way(box.stack, row, way, Path.home())
            written = True
    except FAILURES as error:
        say(f"{row.name}: {words_of(error)}")
    return written


def is_written(client: Client, box: Box, way: Way) -> bool:
    """Write the files that `fab launch` gives a client; not those of one that runs with a port of its own in them: it
    would be led to another one, which nobody holds for it."""
    try:
        with in_use(box.stack, client.name, alone=False):
            write_files(client, way)
    except UsageError as error:
        say(f"{client.name}: {error.line()}")
        return False
    return True


def words_of(error: DayboxError | OSError) -> str:
    """What went wrong, on one line."""
    if isinstance(error, DayboxError):
        return error.line()
    return f"{error.filename or 'this laptop'}: {error.strerror or error}; mend that, and `fab launch` writes it anew"
