"""`fab launch NAME`: a client on the box's own model, started so that it can reach nothing else."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context
from invoke.exceptions import Exit

from playbooks.boxes import STACK_HELP, find_box
from playbooks.clients import ROWS
from playbooks.clients.aider import AIDER
from playbooks.clients.client import Client, Refused, Shown
from playbooks.clients.shown import KEY_FILE
from playbooks.command import command, print_json
from playbooks.executor import words_after_dashes
from playbooks.optional_word import may_be_missing
from stacks.errors import UsageError
from stacks.places import write_private
from stacks.values import nearest

if TYPE_CHECKING:
    from stacks.box import Box

may_be_missing("launch", "name")
SEAL_HELP = {
    "sealed": "insist that nothing but the gateway can be reached; left out: where this laptop can do that",
    "unsealed": "let commands that it runs reach the network: it is pinned to the gateway by its configuration alone",
}
ARCHITECT_HELP = {"architect": "aider only: one model plans, the other edits; with one model, it does both"}
HELP = {
    **STACK_HELP,
    "name": "a client; left out: all are listed",
    **ARCHITECT_HELP,
    **SEAL_HELP,
    "config": "merge into the client's own files instead of starting it",
    "restore": "take out of them what --config put in",
    "json": "with no name: print JSON for programs",
}


@command(positional=["name"], help=HELP)
def launch(
    _c: Context,
    name: str | None = None,
    stack: str | None = None,
    architect: bool = False,
    sealed: bool = False,
    unsealed: bool = False,
    config: bool = False,
    restore: bool = False,
    json: bool = False,
) -> None:
    """Start a client on your own model; words after -- are its own.

    Example: fab launch aider -- --message "add a test" app.py, or fab launch
    """
    words = words_after_dashes(sys.argv)
    given = {"--architect": architect, "--sealed": sealed, "--unsealed": unsealed, "words after --": bool(words)}
    merging = {"--config": config, "--restore": restore}
    if not name:
        without("fab launch", given | merging)
        listing(as_json=json)
        return
    row, wish = row_named(name), wished(sealed=sealed, unsealed=unsealed)
    without(f"fab launch {name}", {"--json": json})
    if config or restore or isinstance(row, Shown):
        without(f"fab launch {name}{' --config' * config}{' --restore' * restore}", given)
    if restore:
        without("fab launch --restore", {"--config": config})
        from playbooks.clients.merged import take_out

        print("\n".join(take_out(row, Path.home())))
    elif config or isinstance(row, Shown):
        merge_or_show(find_box(stack), row, merge=config)
    else:
        start(find_box(stack), row, asked(row, words, architect=architect), sealed=wish)


@command(name="launch-aider", help={**STACK_HELP, **ARCHITECT_HELP, **SEAL_HELP})
def launch_aider(
    _c: Context, stack: str | None = None, architect: bool = False, sealed: bool = False, unsealed: bool = False
) -> None:
    """Start aider on your own model: the same as fab launch aider.

    Example: fab launch-aider -- --message "add a test" app.py
    """
    words = asked(AIDER, words_after_dashes(sys.argv), architect=architect)
    start(find_box(stack), AIDER, words, sealed=wished(sealed=sealed, unsealed=unsealed))


def row_named(name: str) -> Client | Shown:
    """The client of that name. Raises UsageError: with the choices, or with the reason why there is no way to it."""
    row = next((row for row in ROWS if row.name == name), None)
    if row is None:
        choices = nearest(name, [row.name for row in ROWS if not isinstance(row, Refused)])
        raise UsageError(f"fab launch: {name!r} is no client", hint=choices)
    if isinstance(row, Refused):
        raise UsageError(f"{row.name}: {row.reason}", hint=row.instead)
    return row


def without(what: str, flags: Mapping[str, bool]) -> None:
    """Raises UsageError for what would be passed over. flags: name -> whether it was given."""
    if extra := [flag for flag, given in flags.items() if given]:
        raise UsageError(f"{what}: has no use for {', '.join(extra)}", hint="leave it out; fab --help launch")


def wished(*, sealed: bool, unsealed: bool) -> bool | None:
    """What the flags say of the seal; None: nothing. Raises UsageError if they say both."""
    if sealed and unsealed:
        raise UsageError("fab launch: --sealed and --unsealed say opposite things", hint="say one, or neither")
    return sealed or (False if unsealed else None)


def asked(row: Client | Shown, words: Sequence[str], *, architect: bool) -> list[str]:
    """The words for the client. Raises UsageError if it has no such role."""
    if architect and row is not AIDER:
        raise UsageError(f"fab launch {row.name}: --architect is aider's", hint="choose its model in the client itself")
    return [*(["--architect"] if architect else []), *words]


def start(box: "Box", row: Client | Shown, words: Sequence[str], *, sealed: bool | None) -> None:
    """Start it; its exit status is ours."""
    from playbooks.clients.start import start_client

    assert isinstance(row, Client)
    status = start_client(box, row, words, sealed=sealed)
    if status:
        raise Exit(f"{row.name}: ended with status {status}", code=status)


def merge_or_show(box: "Box", row: Client | Shown, *, merge: bool) -> None:
    """Put the way to the box into the client's own files, or say what to put where."""
    from playbooks.clients.in_use import in_use
    from playbooks.clients.way import way_to, write_files
    from playbooks.endpoint import trusted

    way = way_to(box, trusted(box, row.name), row.name)
    if merge:
        from playbooks.clients.merged import merge_way

        if isinstance(row, Client):
            with in_use(box.stack, row.name, alone=False):
                write_files(row, way)  # its own files read the key from one of ours
        print("\n".join(merge_way(box.stack, row, way, Path.home())))
    else:
        assert isinstance(row, Shown)
        write_private(way.folder / KEY_FILE, way.key)  # its text says where it is, and never what it is
        print(row.text(way))


def listing(*, as_json: bool) -> None:
    """Show every client, and whether it is installed."""
    from playbooks.clients.listing import rows, show

    found = rows()
    if as_json:
        print_json(found)
    else:
        show(found)
