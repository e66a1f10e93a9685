"""How one box stands: the account says whether it is there and what it is billed, the box itself how it is."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from playbooks.kept_volumes import KeptVolume, kept_or_why
from playbooks.presence import presence
from playbooks.report import Report, read_report
from playbooks.standing import Standing, declared
from playbooks.tunnel_status import tunnel_row
from stacks import ledger
from stacks.account import Account, Instance
from stacks.box import Box, box_target
from stacks.errors import CloudError, DayboxError
from stacks.lease import lease_start
from stacks.ledger import Entry, Life
from stacks.lives import life, told

Reports = Callable[[Box], Report | None]
SSH_SECONDS = 6.0  # a box that answers does so within one; the others must not hold up the table


@dataclass(frozen=True)
class Listing:
    """What one account lists, and its own clock at that moment; or why that is not known.

    volumes_why: why its volumes are not known, though the rest is.
    """

    account: Account | None
    listed: Sequence[Instance] = ()
    now: datetime | None = None
    why: str = ""
    volumes: Sequence[KeptVolume] = ()
    volumes_why: str = ""


def listing(key: tuple[str, str]) -> Listing:
    """What the account of this url and token lists."""
    try:
        account = Account(*key)
        listed, profile = account.instances(), account.profile()
    except DayboxError as error:
        return Listing(None, why=error.fact)
    volumes, why = kept_or_why(account, profile.scopes)
    return Listing(account, listed, profile.now, volumes=volumes, volumes_why=why)


def asked(box: Box) -> Report | None:
    """The box's report, by a connection of its own. Raises BoxError if it is not reached."""
    return read_report(box_target(box), timeout=SSH_SECONDS)


def box_standing(box: Box, found: Listing | None, why: str, report_of: Reports = asked) -> Standing:
    """How a declared box stands. found: its account's list, None if its account is not known, and why."""
    if found is None or found.account is None:
        return with_tunnel(with_report(declared(box, "unknown", word=why), box, report_of))
    try:
        state = presence(found.account, found.listed, box.instance_id)
        if state == "gone":
            return with_tunnel(with_entry(gone(box, found.account)))
    except CloudError as error:
        state, why = "unknown", error.fact
    if state == "unknown" and not why:
        why = "the account does not list it, but no event says that it was deleted: is it the right account's token?"
    row = next((one for one in found.listed if one.id == box.instance_id), None)
    lived = life(row.id, found.now or datetime.now(UTC), row, None) if row else None
    seen = replace(declared(box, state, life=lived, word=why), clock=found.now)
    return with_tunnel(with_report(seen, box, report_of))


def gone(box: Box, account: Account) -> Standing:
    """The standing of a box that is gone; what it cost, if the account's events say when it ended."""
    word = f"the account has no such box any more; the rest goes with `pulumi destroy -s {box.stack}`"
    lived = past_life(box, account)
    doubt = "no event says when it was created: from the lease's start" if lived and not lived.told else ""
    return declared(box, "gone", life=lived, word=sentence(word, doubt))


def past_life(box: Box, account: Account) -> Life | None:
    """The life of a box that is gone, as the events tell it; None if they do not come, or say no beginning or end."""
    try:
        events = told(account).get(box.instance_id)
    except CloudError:
        return None
    began = lease_start(box.lease) or (events.began if events else None)
    lived = life(box.instance_id, began, None, events) if began else None
    return lived if lived and lived.ended else None


def with_report(standing: Standing, box: Box, report_of: Reports = asked) -> Standing:
    """What the box says about itself; why not, if it does not."""
    try:
        report = report_of(box)
    except DayboxError as error:
        return with_entry(replace(standing, word=sentence(standing.word, error.fact)))
    if report is None:
        bootstrap = f"it has no bundle yet: fab bootstrap --stack {box.stack}"
        return with_entry(replace(standing, word=sentence(standing.word, bootstrap)))
    watchdog = report.watchdog
    unarmed = not watchdog.armed and watchdog.why
    known = replace(standing, report=report, word=sentence(standing.word, f"not armed: {unarmed}" if unarmed else ""))
    if watchdog.tokens is None:
        return with_entry(known)
    return noted(replace(known, tokens=watchdog.tokens, told=datetime.now(UTC)))


def with_entry(standing: Standing) -> Standing:
    """What the ledger knows of a box that says nothing now: what it served, and its last words."""
    if not (entry := entry_of(standing)):
        return standing
    last = entry.told and datetime.fromtimestamp(entry.told, UTC)
    words = f"why it ended: {entry.reason}" if standing.state == "gone" and entry.reason else ""
    return replace(standing, tokens=entry.tokens, told=last or None, word=sentence(standing.word, words))


def noted(standing: Standing) -> Standing:
    """The standing, and in the ledger what its box has served: the receipt can ask the box no more."""
    if (entry := entry_of(standing)) and standing.told and entry.tokens != standing.tokens:
        with suppress(DayboxError, OSError):  # a full disk is no reason to show nothing
            ledger.note(entry.lease, tokens=standing.tokens, told=standing.told.timestamp())
    return standing


def entry_of(standing: Standing) -> Entry | None:
    """The open lease that the box is of, None if this laptop's ledger has none that can be read."""
    try:
        entry = ledger.read(standing.lease or "")
    except DayboxError:
        return None
    return entry if entry and entry.ended is None else None


def sentence(*parts: str) -> str:
    """What there is to say, on one line."""
    return "; ".join(part for part in parts if part)


def with_tunnel(standing: Standing) -> Standing:
    """Whether its tunnel is open on this laptop."""
    row = tunnel_row(standing.stack)
    return replace(standing, tunnel_port=row["port"], tunnel_alive=row["alive"])
