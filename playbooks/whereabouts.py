"""From which address this laptop reaches the world: as the box sees it, else as the API does. Nobody else is asked."""

import ipaddress
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from playbooks.report import is_silence
from playbooks.tunnel_files import over_tunnel, tunnel_dir
from stacks.account import Account, utc
from stacks.errors import BoxError, CloudError, UsageError
from stacks.ssh import Target, environment, run

LOGINS = "/profile/logins"  # Source: Linode's API reference: successful logins of this user, of the last 90 days
FRESH_SECONDS = 15 * 60  # who signed in longer ago may be somewhere else by now
SIGN_SECONDS = 5.0
ASK = 'echo "$SSH_CONNECTION"'  # client's address and port, then the server's
WAY_OUT = (
    "say it: fab allow --ip YOUR.PUBLIC.ADDRESS; or sign in to the cloud's web page on this laptop, and run this again"
    f" within {FRESH_SECONDS // 60} minutes: the API knows from where you came"
)


@dataclass(frozen=True)
class Seen:
    """An address of this laptop, and who saw it."""

    address: str
    by: str


def seen(target: Target, account: Account) -> Seen:
    """Where this laptop is. Raises UsageError with the line to type if neither box nor API tells."""
    if address := over_the_tunnel(target) or over_ssh(target):
        return Seen(address, "the box")
    family = ipaddress.ip_address(target.address).version
    try:
        if login := newest(account.rows(LOGINS), account.profile().now, family):
            return Seen(*login)
        why = f"the API knows of no login over IPv{family} within {FRESH_SECONDS // 60} minutes"
    except CloudError as error:
        why = error.fact
    raise UsageError(f"fab allow: where this laptop is, is not known: the box is not reached, and {why}", hint=WAY_OUT)


def over_ssh(target: Target) -> str:
    """This laptop's address as the box sees it; empty if the box is silent. Raises BoxError for a wrong host key."""
    try:
        return address_in(run(target, ASK).stdout)
    except BoxError as error:
        if not is_silence(error):
            raise
        return ""


def over_the_tunnel(target: Target) -> str:
    """The same over the tunnel's connection, which a closed port does not end at once; empty if there is none."""
    try:
        done = subprocess.run(
            over_tunnel(str(target.config_file.resolve()), target.alias, ASK),
            cwd=tunnel_dir(target.stack),
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SIGN_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return ""
    return address_in(done.stdout) if done.returncode == 0 else ""


def address_in(connection: str) -> str:
    """The client's address of an `SSH_CONNECTION`; empty if there is none in it."""
    try:
        return str(ipaddress.ip_address(connection.split(maxsplit=1)[0]))
    except (ValueError, IndexError):
        return ""


def is_of(family: int, text: str) -> bool:
    """Whether it is an address of this family, 4 or 6."""
    return bool(address := address_in(text)) and ipaddress.ip_address(address).version == family


def newest(logins: list[dict[str, Any]], now: datetime, family: int) -> tuple[str, str] | None:
    """Address and description of the newest login, if it is fresh.

    family: 4 or 6, as the box's address: one of the other family is not the one that the box will see.
    """
    good = [row for row in logins if row.get("status") == "successful" and is_of(family, str(row.get("ip")))]
    if not good:
        return None
    row = max(good, key=lambda one: str(one["datetime"]))
    at = utc(row["datetime"])
    if (now - at).total_seconds() > FRESH_SECONDS:
        return None
    return address_in(row["ip"]), f"the API, at the login of {at.astimezone(UTC):%H:%M:%S} UTC"
