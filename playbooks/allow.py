"""`fab allow`: the firewall lets this laptop in where it is now, through the stack's config and `pulumi up`."""

import ipaddress
import time
from collections.abc import Sequence
from typing import Any

from invoke.context import Context

from playbooks.accounts import account_at
from playbooks.boxes import STACK_HELP, find_box, find_settings
from playbooks.command import busy, command, print_json
from playbooks.questions import given, must_agree
from playbooks.report import RETRY_SECONDS, is_silence
from playbooks.stack_config import config_set, pulumi_up
from playbooks.whereabouts import Seen, seen
from stacks.box import Box, box_target
from stacks.errors import BoxError, CloudError, UsageError
from stacks.ssh import Target, run
from stacks.values import networks

KEY = "sshFrom"
FIREWALL = "**linode:index/firewall:Firewall::firewall"  # of the stack's resources this one, so that nothing is rented
REACH_SECONDS = 20.0  # the cloud's firewall takes a moment
# Of no sender whom the cloud sees: behind a router's address, nobody's, or of many.
# Source: RFC 1918, 6598, 3927, 1122, 5771, 1112, 4193, 4291.
UNSEEN = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8"),
    *("0.0.0.0/8", "224.0.0.0/3"),
    *("fc00::/7", "fe80::/10", "::1/128", "::/128", "::ffff:0:0/96", "ff00::/8"),
)
WIDEST = {4: 8, 6: 16}  # the shortest prefix of each family: whoever writes a shorter one mistyped it
HELP = STACK_HELP | {
    "ip": "an address, or a network as 203.0.113.0/24; else what the box sees, or the API",
    "only": "let in nobody else: takes the place of the others",
    "yes": "do not ask",
    "json": "print JSON for programs",
}


@command(help=HELP)
def allow(
    _c: Context, ip: str = "", only: bool = False, stack: str | None = None, yes: bool = False, json: bool = False
) -> None:
    """Let this laptop reach the box from where it is now.

    Example: fab allow, or fab allow --ip 203.0.113.7 --only
    """
    asked = one_network(ip) if ip else ""
    box = find_box(stack)
    target, account = box_target(box), account_at(box.api_url, box.cloud)
    found = Seen(asked, "you") if asked else looked_for(target, account)
    before = find_settings(box.stack).ssh_from
    network = one_network(found.address)
    if only:
        check_family(box, network)
    after = networks_after(before, network, only=only)
    if after != before:
        check_agreed(box, before, after, found, consent=not yes, can_ask=not json)
        check_listed(box, account)
        open_to(box.stack, after, show=not json)
    reached = is_reached(target)
    if json:
        print_json(row(box, found, before, after, reached=reached))
    elif reached or after != before:
        print(sentence(box, network, changed=after != before))
    if not reached:
        raise unreached(box, network, changed=after != before)


def looked_for(target: Target, account: Any) -> Seen:
    """Where this laptop is, as box or API see it."""
    with busy("where is this laptop?"):
        return seen(target, account)


def one_network(text: str) -> str:
    """One CIDR; an address is its own network. Raises UsageError, also for what no cloud ever sees."""
    given("ip", text, networks)
    found = networks(text)
    if len(found) > 1:
        raise UsageError(f"--ip: {text!r} is more than one network", hint="run this once for each")
    wanted = ipaddress.ip_network(found[0])
    if wanted.prefixlen < WIDEST[wanted.version]:
        raise UsageError(
            f"--ip: {wanted} is a large part of the world", hint=f"write at least /{WIDEST[wanted.version]}"
        )
    if any(is_within(wanted, ipaddress.ip_network(one)) for one in UNSEEN):
        raise UsageError(
            f"--ip: {wanted} is not public: the cloud never sees such an address",
            hint="name the public address that your router or VPN has",
        )
    return found[0]


def networks_after(before: Sequence[str], network: str, *, only: bool) -> tuple[str, ...]:
    """Who may reach port 22 then. Raises UsageError if together they were the whole world."""
    if only:
        return (network,)
    wanted = ipaddress.ip_network(network)
    if any(is_within(wanted, ipaddress.ip_network(one)) for one in before):
        return tuple(before)
    return networks(given("ip", ",".join((*before, network)), networks))


def check_family(box: Box, network: str) -> None:
    """Raises UsageError if nobody of this network reaches the box, because its address is of the other family."""
    family = ipaddress.ip_address(box.address).version
    if ipaddress.ip_network(network).version != family:
        raise UsageError(
            f"--only: with {network} alone nobody reaches the box, which has the IPv{family} address {box.address}",
            hint=f"say the IPv{family} address that your router or VPN has: --ip ADDRESS --only",
        )


def is_within(inner: Any, outer: Any) -> bool:
    """Whether the one network lies in the other; never in one of the other family."""
    return bool(inner.version == outer.version and inner.subnet_of(outer))


def check_agreed(
    box: Box, before: Sequence[str], after: Sequence[str], found: Seen, *, consent: bool, can_ask: bool
) -> None:
    """Show old and new, and ask. Raises UsageError if nobody says yes."""
    change = f"port 22 from {', '.join(before)} -> {', '.join(after)}"
    question = f"{box.stack}: {change} ({found.address}, says {found.by})"
    if not consent:
        return
    asked = f"{question}\n`pulumi up` of the firewall makes it so. Go on?"
    must_agree("fab allow", question, asked=asked, can_ask=can_ask)


def check_listed(box: Box, account: Any) -> None:
    """Raises BoxError unless the account lists the box: there is nothing to be let in to."""
    if box.instance_id not in {one.id for one in account.instances()}:
        raise BoxError(
            f"box/{box.alias}: the account does not list it",
            hint=f"see `fab status --stack {box.stack}`; nothing is changed",
        )


def open_to(stack: str, after: Sequence[str], *, show: bool) -> None:
    """Make it so in config and firewall. Raises CloudError, the config as it was, if `up` fails."""
    with config_set(stack, {KEY: ",".join(after)}):
        if code := pulumi_up(stack, show=show, only=[FIREWALL]):
            raise CloudError(
                f"stacks/{stack}/{KEY}: `pulumi up` ended with {code}; the config is as before",
                hint=f"`pulumi up -s {stack}` makes the firewall agree with it; or mend it and run this again",
            )


def is_reached(target: Target) -> bool:
    """Whether the box answers; it is given a while."""
    deadline = time.monotonic() + REACH_SECONDS
    with busy("is the box reached?"):
        while True:
            try:
                return run(target, "true").returncode == 0
            except BoxError as error:
                if not is_silence(error):
                    raise
            if time.monotonic() > deadline:
                return False
            time.sleep(RETRY_SECONDS)


def unreached(box: Box, network: str, *, changed: bool) -> BoxError:
    """What it means that the box is silent all the same. The config alone is no proof of what the firewall does."""
    if changed:
        fact, hint = f"the firewall lets {network} in, and the box is not reached", ""
    else:
        fact = f"stacks/{box.stack}/{KEY} lets {network} in already, and the box is not reached"
        hint = f"does the firewall do so, too? `pulumi up -s {box.stack}`; "
    return BoxError(
        f"box/{box.alias}: {fact}", hint=f"{hint}is that this laptop's address? and is the box there? fab status"
    )


def row(box: Box, found: Seen, before: Sequence[str], after: Sequence[str], *, reached: bool) -> dict[str, Any]:
    """What was done, for programs."""
    return {
        "stack": box.stack,
        "address": found.address,
        "seen_by": found.by,
        "before": list(before),
        "after": list(after),
        "changed": tuple(after) != tuple(before),
        "reached": reached,
    }


def sentence(box: Box, network: str, *, changed: bool) -> str:
    """What holds now, for people."""
    return f"{box.stack}: {network} may reach port 22{'' if changed else ' already; nothing to do'}"
