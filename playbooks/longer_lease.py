"""A longer lease: its end goes into the stack's config, and `pulumi up` makes it true, or the config is as it was."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from playbooks.accounts import account_at
from playbooks.boxes import PREFIX, box_of, find_settings
from playbooks.moments import shown
from playbooks.progress import say
from playbooks.questions import must_agree
from playbooks.report import WatchdogReport
from playbooks.stack_config import config_set, pulumi_up
from playbooks.watchdog import ask, status
from stacks import ledger
from stacks.box import Box
from stacks.errors import BoxError, CloudError, ConfigError, DayboxError, UsageError
from stacks.lease import lease_start
from stacks.price import OVERRUN_MINUTES, Price, billed_hours, billed_usd
from stacks.printable import clean
from stacks.ssh import Target, run

if TYPE_CHECKING:
    from stacks.settings import Settings

KEY = "maxLifetimeMinutes"
LIMITS_ON_BOX = "/etc/daybox/watchdog.json"  # nothing secret: the token is in a file of its own
NEAR_SECONDS = 120.0  # `pulumi up` has armed a box that is there long before


def make_longer(box: Box, target: Target, moment: datetime, *, consent: bool, show: bool) -> Box:
    """Make the lease last until `moment`, within its budgets; returns the box as `up` has declared it then.

    consent: let the person at the terminal say yes first. show: what Pulumi says on stdout; else on stderr.
    Raises UsageError, ConfigError, or BoxError, having changed nothing, where it cannot be; CloudError if `up` fails.
    """
    if moment <= hard_end(box):
        say(f"{box.stack}: its lease ends at {shown(hard_end(box))}, which is late enough; nothing to do")
        return box
    lifetime = minutes_to(box, moment)
    check_budgets(find_settings(box.stack), box, lifetime, moment)
    if consent:
        check_agreed(box, moment, can_ask=show)
    check_there(box, target)  # last of all: a box may end while its owner thinks, and `up` would rent another one
    with config_set(box.stack, {KEY: str(lifetime)}):
        if code := pulumi_up(box.stack, show=show):
            raise CloudError(
                f"stacks/{box.stack}/{KEY}: `pulumi up` ended with {code}; {what_holds(target)}",
                hint=f"{KEY} is as before, and so is the box after the next `pulumi up`; or mend it and run this again",
            )
    return box_of(box.stack) or box


def hard_end(box: Box) -> datetime:
    """When its lease ends whatever happens, UTC."""
    return ledger.moment(box.dies_at)


def start_of(box: Box) -> datetime:
    """When its lease began, UTC. Raises ConfigError for a lease of another form."""
    if start := lease_start(box.lease):
        return start
    raise ConfigError(f"lease/{box.lease}: does not tell when it began", hint=f"pulumi up -s {box.stack}")


def minutes_to(box: Box, moment: datetime) -> int:
    """Whole minutes from the lease's start that reach `moment`. Raises UsageError beyond what a stack may ask for."""
    from stacks.values import MOST_MINUTES

    lifetime = math.ceil((moment - start_of(box)).total_seconds() / 60)
    if lifetime > MOST_MINUTES:
        raise UsageError(
            f"stacks/{box.stack}/{KEY}: until {shown(moment)} is more than {MOST_MINUTES // 1440} days",
            hint="rent by the day",
        )
    return lifetime


def check_budgets(settings: "Settings", box: Box, lifetime: int, moment: datetime) -> None:
    """Raises ConfigError if something else ends the box before `moment`, naming it."""
    from dataclasses import replace

    from stacks.ends import hard_ends
    from stacks.lease import Lease

    if box.usd_per_hour is None:
        raise ConfigError(f"stacks/{box.stack}: its price is not known", hint=f"`pulumi up -s {box.stack}` reads it")
    price, lease = Price(box.usd_per_hour, box.price_source), Lease(box.lease, box.stack, owner="")
    longer = replace(settings, max_lifetime_minutes=lifetime)
    first = hard_ends(longer, lease, price, datetime.now(UTC))[0]
    if first.at < moment:
        raise ConfigError(
            f"stacks/{box.stack}: until {shown(moment)} is asked for, but it ends at {shown(first.at)}: {first.why}",
            hint=f"ask for less, or raise it: pulumi config set -s {box.stack} {PREFIX}{first.setting}",
        )


def check_agreed(box: Box, moment: datetime, *, can_ask: bool) -> None:
    """Show what it costs, and ask. Raises UsageError if nobody says yes."""
    question = f"{box.stack}: lease until {shown(moment)}, not {shown(hard_end(box))}; {whole_price(box, moment)}"
    must_agree("fab extend", question, asked=f"{question}\n`pulumi up` makes it so. Go on?", can_ask=can_ask)


def check_there(box: Box, target: Target, found: WatchdogReport | None = None) -> None:
    """Raises BoxError unless the account lists the box, and the box answers and does not end while `up` runs.

    found: what its watchdog said a moment ago; None: it is asked.
    """
    account = account_at(box.api_url, box.cloud)
    if box.instance_id not in {row.id for row in account.instances()}:
        raise BoxError(
            f"box/{target.alias}: the account does not list it: `pulumi up` would rent another",
            hint=f"see `fab status --stack {box.stack}`; nothing is changed",
        )
    found = found or ask(box, target, status())
    left = math.inf if found.dies_at is None else found.dies_at - account.profile().now.timestamp()
    if left < NEAR_SECONDS:
        way_out = f"let it end; then `pulumi up -s {box.stack}` rents anew"
        if found.why.startswith("idle"):
            way_out = f"keep it first: fab extend --stack {box.stack} --minutes 10; then this again"
        fact = f"box/{target.alias}: ends in {max(0.0, left):.0f} s, and `pulumi up` would rent another: {found.why}"
        raise BoxError(fact, hint=way_out)


def usd_at_most(box: Box, end: datetime) -> float | None:
    """The most that its lease costs until `end`, and what a box may outlive it; None if its price is not known."""
    return billed_usd(seconds_until(box, end), box.usd_per_hour)


def seconds_until(box: Box, end: datetime) -> float:
    """The longest life of a box that ends at `end`."""
    return (end - start_of(box) + timedelta(minutes=OVERRUN_MINUTES)).total_seconds()


def whole_price(box: Box, end: datetime) -> str:
    """Price and longest cost until `end`, for people."""
    usd = usd_at_most(box, end)
    if usd is None:
        return "what it costs is not known"
    hours = billed_hours(seconds_until(box, end))
    return f"${box.usd_per_hour:.2f}/h ({box.price_source}), at most ${usd:.2f} in {hours} begun hours"


def first_end_on_box(target: Target) -> tuple[datetime, str]:
    """The first hard end that the box itself holds to, UTC, and why. Raises BoxError if the box does not say."""
    done = run(target, f"cat {LIMITS_ON_BOX}")
    try:
        at, why = min((float(at), clean(why)) for at, why in json.loads(done.stdout)["ends"])
        return datetime.fromtimestamp(at, UTC), why
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise BoxError(
            f"box/{target.alias}: {LIMITS_ON_BOX} tells no hard end", hint=f"arm it: pulumi up -s {target.stack}"
        ) from None


def what_holds(target: Target) -> str:
    """Which limit holds on the box, for people, also if it cannot be asked."""
    try:
        at, why = first_end_on_box(target)
    except DayboxError as error:
        return f"which limits hold is not known, most likely the old ones: {error.fact}"
    return f"the box itself ends at {shown(at)}: {why}"
