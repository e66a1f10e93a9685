"""The killer on the laptop: it ends what should go by the account's own list, without Pulumi's state or lock."""

import sys
from collections.abc import Sequence
from functools import partial

from invoke.context import Context

from playbooks import sweep_timer
from playbooks.accounts import Book, accounts_to_look_into, not_asked, tried
from playbooks.command import command, print_json
from playbooks.found import Found
from playbooks.leftovers import GOES
from playbooks.look import look
from playbooks.outcome import Outcome, not_ended
from stacks import ledger, sweeps
from stacks.account import Account
from stacks.errors import ConfigError, UsageError
from stacks.keys import owner_id
from stacks.ledger import Entry
from stacks.places import owner_file

HELP = {
    "stack": "end what this stack has, whatever its end; else only what should go",
    "yes": "do not ask",
    "json": "print JSON for programs; ends nothing without --yes",
    "install-timer": f"sweep every {sweeps.INTERVAL_MINUTES} minutes from now on, without asking",
    "remove-timer": "no longer sweep by itself",
}


@command(help=HELP)
def sweep(
    _c: Context,
    stack: str | None = None,
    yes: bool = False,
    json: bool = False,
    install_timer: bool = False,
    remove_timer: bool = False,
) -> None:
    """End what bills and should not: list, ask, delete, prove.

    Example: fab sweep, or fab sweep --stack coder-30b --yes, or fab sweep --install-timer
    """
    if install_timer or remove_timer:
        if stack or yes or json or (install_timer and remove_timer):
            raise UsageError("fab sweep: the timer's flags stand alone", hint="say --install-timer or --remove-timer")
        (sweep_timer.install if install_timer else sweep_timer.remove)()
        return
    outcome = looked(stack)
    if not json and (text := outcome.text()):
        print(text)
    if outcome.going and yes:
        end_all(outcome, outcome.going, quiet=json)
    elif outcome.going and not json and agreed(len(outcome.going)):
        shown, outcome = outcome, looked(stack)  # what was shown may be old by now: an `up` may have come through
        end_all(outcome, still_going(shown, outcome), quiet=False)
    if not stack and not outcome.faults:
        tried(outcome.faults, sweeps.record, outcome.accounts)
    if json:
        print_json(outcome.report())
    outcome.judge(f"fab sweep --stack {stack}" if stack else "fab sweep")


def looked(stack: str | None) -> Outcome:
    """What all accounts have that are to be looked into. Raises UsageError if there is none."""
    outcome = Outcome()
    book = Book.read(outcome.faults)
    outcome.faults += not_asked(stack, book)
    owner = our_id(stack, book, outcome.faults)
    for account in accounts_to_look_into(stack, book, outcome.faults):
        if seen := tried(outcome.faults, look, account, owner, stack, book):
            outcome.accounts[account.api_url] = account
            outcome.found += seen.found
            outcome.unseen += seen.unseen
            outcome.faults += seen.faults
    if stack:  # what was meant by name and lives on is no success
        outcome.faults += not_ended(outcome.found)
    return outcome


def our_id(stack: str | None, book: Book, faults: list[str]) -> str:
    """Who we are; nobody in a place that never rented, as in a CI: there only what is past its end goes.

    So it does where we are not known and should be: a stack was named, or there are leases. That is a fault.
    """
    if stack or book.entries or book.unread or owner_file().is_file():
        return tried(faults, owner_id) or ""
    return ""


def agreed(count: int) -> bool:
    """Whether the person at the terminal says yes; nobody there means no."""
    try:
        return sys.stdin.isatty() and input(f"end {count} of them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def still_going(shown: Outcome, now: Outcome) -> list[Found]:
    """What was shown and should still go; says of the rest that is still there why it stays."""
    keys = {one.key for one in shown.going}
    for one in now.found:
        if one.key in keys and not one.goes:
            print(f"sweep: {one.what} {one.id} ({one.label}) stays: {one.why}", file=sys.stderr)
    return [one for one in now.going if one.key in keys]


def end_all(outcome: Outcome, going: Sequence[Found], *, quiet: bool) -> None:
    """End `going`, each proved by listing again; what hangs on a box that could not be ended stays."""
    for one in going:
        alive = {box.id for box in outcome.left if box.what == "box"}
        if alive & set(one.boxes):
            continue
        end = partial(end_box, outcome.faults) if one.belonging is None else end_belonging
        if tried(outcome.faults, end, outcome.accounts[one.account], one):
            outcome.ended.append(one)
            if not quiet:
                print(f"ended: {one.what} {one.id} ({one.label})", flush=True)
    proof = "" if outcome.left else "; the account lists none of them"
    print(f"sweep: {len(outcome.ended)} of {len(going)} ended{proof}", file=sys.stderr)


def end_box(faults: list[str], account: Account, one: Found) -> bool:
    """End one box and note in the ledger that it was, and why; returns True.

    A ledger that cannot be written, as on a full disk, is a fault and keeps no box alive.
    """
    assert one.id is not None  # what was not seen does not go
    entry = entry_of(one)
    if entry:
        tried(faults, note_before, entry, one.id)
    account.end(one.id)
    if entry:
        tried(faults, note_after, entry, one)
    return True


def note_before(entry: Entry, number: int) -> None:
    """Note the box before it is ended: who proves it gone must know of it.

    As seen it counts only when it is over: else one that cannot be ended would look as if it were starting.
    """
    ledger.note(entry.lease, instance_ids=tuple(dict.fromkeys((*entry.instance_ids, number))))


def note_after(entry: Entry, one: Found) -> None:
    """Note that the box was there, and why it ended."""
    assert one.id is not None
    ledger.add_instance(entry.lease, one.id)
    reason = f"fab sweep: {one.why}" if one.kind in GOES else f"fab sweep --stack {one.stack}"
    ledger.note(entry.lease, reason=entry.reason or reason)


def entry_of(one: Found) -> Entry | None:
    """Its lease in the ledger. One that cannot be read was told as a fault; what bills goes all the same."""
    try:
        return ledger.read(one.lease or "")
    except ConfigError:
        return None


def end_belonging(account: Account, one: Found) -> bool:
    """End one firewall, volume or token; returns True."""
    assert one.belonging is not None
    kind = one.belonging.kind
    account.end_at(kind.path, one.belonging.id, f"{kind.what} {one.id}", kind.event)
    return True
