"""How a stack stands, as one row: what the state declares, what the account lists, what the box says. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from playbooks.kept_volumes import KeptVolume
from playbooks.moments import iso
from playbooks.report import Report
from stacks.account import Instance, utc
from stacks.box import Box
from stacks.lease import ISO_TIME, LEASE_TAG, OWNER_TAG, STACK_TAG, TAG, box_label, tagged, until_of
from stacks.ledger import Life
from stacks.price import HOUR_SECONDS, Price, billed_hours, known_usd, usd_of

State = Literal["up", "down", "gone", "unknown"]


@dataclass(frozen=True)
class Standing:
    """One stack's box, or one box that no state knows.

    held: whether Pulumi's state holds the box. api_url: of the account it is in. usd_per_hour: None if unknown;
    price_source: whose word that is, of which day. since, until: of the box's life, UTC, by the account, which bills;
    since is None where the account does not say whether it lives. clock: the account's own, when it was asked.
    dies_at: the hard end of its lease, `YYYY-MM-DDTHH:MM:SSZ`. tokens: what it served, as it said at `told`.
    volumes: what the stack keeps, box or not. word: what a reader should know beside the figures, and why something is
    unknown.
    """

    stack: str
    state: State
    held: bool = False
    api_url: str = ""
    lease: str | None = None
    instance_id: int | None = None
    address: str | None = None
    plan: str | None = None
    region: str | None = None
    usd_per_hour: float | None = None
    price_source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    clock: datetime | None = None
    dies_at: str | None = None
    report: Report | None = None
    tokens: int | None = None
    told: datetime | None = None
    tunnel_port: int | None = None
    tunnel_alive: bool = False
    volumes: tuple[KeptVolume, ...] = ()
    word: str = ""

    @property
    def lives(self) -> bool:
        """Whether the account says that the box is there, and since when."""
        return self.state == "up" and self.since is not None

    def row(self, now: datetime) -> dict[str, Any]:
        """The standing as `fab status --json` prints it. What is not known is null, never 0.

        now: used where the account has told no clock of its own. dies_at: the hard end; next_end: the limit that would
        come first if nobody worked on, and why.
        """
        now, watchdog = self.clock or now, self.report.watchdog if self.report else None
        box = {"id": self.instance_id, "ip": self.address, "plan": self.plan, "region": self.region}
        return {
            "stack": self.stack,
            "state": self.state,
            "held": self.held,
            "lease": self.lease,
            "box": box if self.instance_id else None,
            **self.billed(now),
            "price": {"usd_per_hour": self.usd_per_hour, "source": self.price_source},
            "idle_minutes": watchdog.idle_minutes if watchdog else None,
            "idle_since": iso(idle_since(now, watchdog.idle_minutes)) if watchdog else None,
            "dies_at": self.dies_at,
            "next_end": {"at": iso(watchdog.dies_at), "why": watchdog.why} if watchdog and watchdog.dies_at else None,
            "kept_until": iso(watchdog.kept_until) if watchdog else None,
            "action": (watchdog.action or None) if watchdog else None,
            "armed": watchdog.armed if watchdog else None,
            "ready": self.report.ready if self.report else None,
            "tokens": self.tokens,
            "tokens_told_at": iso(self.told),
            "tunnel": {"port": self.tunnel_port, "alive": self.tunnel_alive},
            "volumes": [volume.row() for volume in self.volumes],
            "last_sweep": iso(last_sweep(self.api_url)),
            "word": self.word,
        }

    def billed(self, now: datetime) -> dict[str, Any]:
        """The meter: its age, the hours it is billed for, what they cost, and when the next one begins."""
        lived = max(0.0, ((self.until or now) - self.since).total_seconds()) if self.since else None
        hours = None if lived is None else billed_hours(lived)
        paid = self.since + timedelta(seconds=HOUR_SECONDS * hours) if self.since and hours and self.lives else None
        return {
            "age_hours": None if lived is None else round(lived / 3600, 3),
            "billed_hours": hours,
            "usd": None if hours is None else usd_of(hours, self.usd_per_hour),
            "paid_until": iso(paid),
            "next_hour_minutes": round((paid - now).total_seconds() / 60, 1) if paid else None,
        }


def idle_since(now: datetime, minutes: float | None) -> float | None:
    """Since when it is idle, in seconds since 1970; None if unknown."""
    return None if minutes is None else now.timestamp() - minutes * 60


def last_sweep(api_url: str) -> datetime | None:
    """When a sweep last looked into this account without a fault; None if none is known of."""
    from stacks.sweeps import last_good

    return last_good(api_url) if api_url else None


def declared(box: Box, state: State, *, life: Life | None = None, word: str = "") -> Standing:
    """The standing of a box that the state declares. life: by the account; None if that does not say."""
    return Standing(
        stack=box.stack,
        state=state,
        held=True,
        api_url=box.api_url,
        lease=box.lease,
        instance_id=box.instance_id,
        address=box.address,
        plan=box.plan,
        region=box.region,
        usd_per_hour=known_usd(box.usd_per_hour),
        price_source=box.price_source,
        since=life.began if life else None,
        until=life.ended if life else None,
        dies_at=box.dies_at,
        word=word,
    )


def listed_only(instance: Instance, *, held: bool, price: Price | None, owner: str) -> Standing:
    """The standing of a box that the account lists and no stack declares.

    Its `up` was killed, or failed, or Pulumi's backend is another one; or it was rented by another than `owner`.
    """
    stack = stack_of(instance) or "?"
    unfinished = f"its `up` did not finish: `pulumi destroy -s {stack}` ends it"
    unheld = f"no state here knows it: `fab sweep --stack {stack}` ends it"
    until, rented_by = until_of(instance.tags), tagged(instance.tags, OWNER_TAG)
    ours = f"it bills, and {unfinished if held else unheld}"
    return Standing(
        stack=stack,
        state="up",
        held=held,
        lease=tagged(instance.tags, LEASE_TAG),
        instance_id=instance.id,
        address=instance.address,
        plan=instance.plan,
        region=instance.region,
        usd_per_hour=price.usd_per_hour if price else None,
        price_source=price.source if price else None,
        since=utc(instance.created),
        dies_at=until.strftime(ISO_TIME) if until else None,
        word=ours if rented_by in (owner, None) else f"it bills, and owner {rented_by} rented it: ask them",
    )


def stack_of(instance: Instance) -> str | None:
    """The stack that a listed box is of: by tag, else by label."""
    label = instance.label.removeprefix(box_label("")) if instance.label.startswith(box_label("")) else None
    return tagged(instance.tags, STACK_TAG) or label


def strays(listed: Iterable[Instance], declared_ids: Iterable[int]) -> list[Instance]:
    """The boxes of daybox that the account lists and no stack declares: by tag, or by label if the tags were lost."""
    known = set(declared_ids)
    ours = (row for row in listed if TAG in row.tags or row.label.startswith(box_label("")))
    return [row for row in ours if row.id not in known]


def by_name(one: Standing) -> tuple[str, int]:
    """How rows are sorted."""
    return one.stack, one.instance_id or 0


def merged(standings: Iterable[Standing], found: Sequence[Standing]) -> list[Standing]:
    """All rows: a stack that is down but has a box in the account is shown by that box alone."""
    seen = {standing.stack for standing in found}
    kept = [one for one in standings if not (one.state in ("down", "unknown") and not one.held and one.stack in seen)]
    return sorted([*kept, *found], key=by_name)
