"""What `fab launch` without a name shows: every client, and whether it is installed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from playbooks.clients import CLIENTS, REFUSED, SHOWN
from playbooks.clients.client import Client
from playbooks.clients.program import Wrap, dotted, find_program, reaching_nothing, version_of
from playbooks.clients.start import why_open
from playbooks.command import console, print_line
from playbooks.table import Column, show_table

COLUMNS = (Column("CLIENT"), Column("VERSION"), Column("HOW"))


def rows() -> list[dict[str, Any]]:
    """Each client as a row. version: empty if it is not installed, or tells none. known: whether that is one we know;
    None: there is nothing to know. how: `launch`, `show` or `refuse`; more: the line that installs it, or why not."""
    asked = partial(installed, wrap=reaching_nothing())
    with ThreadPoolExecutor() as pool:  # some take a second to say their version
        return [*pool.map(asked, CLIENTS), *others()]


def installed(client: Client, wrap: Wrap = list) -> dict[str, Any]:
    """One that can be started. wrap: how its program is asked for its version."""
    program = find_program(client)
    version = version_of(client, program, wrap) if program else ()
    known = client.oldest <= version < client.below if version else None
    row = {"name": client.name, "title": client.title, "how": "launch", "program": program}
    return {**row, "version": dotted(version), "known": known, "more": client.install}


def others() -> Iterator[dict[str, Any]]:
    """Those that are shown, and those that are led nowhere."""
    nothing = {"program": None, "version": "", "known": None}
    for shown in SHOWN:
        yield {"name": shown.name, "title": shown.title, "how": "show", **nothing, "more": ""}
    for refused in REFUSED:
        yield {"name": refused.name, "title": refused.title, "how": "refuse", **nothing, "more": refused.reason}


def show(found: list[dict[str, Any]]) -> None:
    """The rows for people, and whether this laptop can seal."""
    out = console()
    show_table(out, COLUMNS, [(row["name"], row["version"] or "-", words(row)) for row in found])
    because = why_open(None)
    print_line(out, f"sealed: no, {because}" if because else "sealed: yes, each reaches the gateway and nothing else")


def words(row: dict[str, Any]) -> str:
    """What one does with it."""
    if row["how"] == "refuse":
        return f"not led to the box; fab launch {row['name']} says why"
    if row["how"] == "show":
        return f"fab launch {row['name']}: says what to put where"
    if row["program"] is None:
        return f"install it: {row['more']}"
    doubt = "" if row["known"] else f"; not a version that daybox knows: {row['more']}"
    return f"fab launch {row['name']}{doubt}"
