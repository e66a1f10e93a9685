"""One life of a box: its id, its tags, its end, and which lease this run is about."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from stacks.account import Instance
from stacks.errors import CloudError

TAG = "daybox"
STACK_TAG, LEASE_TAG, OWNER_TAG, UNTIL_TAG = "daybox-stack-", "daybox-lease-", "daybox-owner-", "daybox-until-"
ID_TIME = TAG_TIME = "%Y%m%dt%H%M%Sz"
ISO_TIME = "%Y-%m-%dT%H:%M:%SZ"
TOKEN_OUTLASTS = timedelta(hours=1)  # the token must be valid for as long as the box may still have to delete itself


@dataclass(frozen=True)
class Lease:
    """One life of a box. id: `<start in UTC>-<4 random>`: the start can be read back from it."""

    id: str
    stack: str
    owner: str

    @classmethod
    def new(cls, stack: str, owner: str, now: datetime) -> "Lease":
        """A lease that begins now; the random end keeps two laptops apart that begin in the same second."""
        return cls(f"{now.astimezone(UTC).strftime(ID_TIME)}-{secrets.token_hex(2)}", stack, owner)

    @property
    def start(self) -> datetime:
        """When it began, UTC."""
        return datetime.strptime(self.id.rsplit("-", 1)[0], ID_TIME).replace(tzinfo=UTC)

    @property
    def label(self) -> str:
        """The Instance's label: fixed per stack, so that its uniqueness is the lock between two `up`."""
        return box_label(self.stack)

    @property
    def firewall_label(self) -> str:
        """3-32 characters; with the lease in it, so that what a killed `up` left behind never blocks the next."""
        return f"daybox-{self.id}"

    def tags(self) -> list[str]:
        """The tags everything of this lease carries from its creation on."""
        return [TAG, f"{STACK_TAG}{self.stack}", f"{LEASE_TAG}{self.id}", f"{OWNER_TAG}{self.owner}"]

    def tags_until(self, end: datetime) -> list[str]:
        """`tags()` and the one that says when any killer may take it."""
        return [*self.tags(), f"{UNTIL_TAG}{end.astimezone(UTC).strftime(TAG_TIME)}"]


def box_label(stack: str) -> str:
    """The label of the one box that `stack` may have in an account."""
    return f"daybox-{stack}"


def lease_start(lease: str) -> datetime | None:
    """When a lease began, UTC, which its id tells; None for an id of another form."""
    try:
        return datetime.strptime(lease.rsplit("-", 1)[0], ID_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def tagged(tags: Iterable[str], prefix: str) -> str | None:
    """What stands behind `prefix` in one of the tags, or None."""
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), None)


def until_of(tags: Iterable[str]) -> datetime | None:
    """When any killer may take it, UTC, as its tag says; None without one that can be read."""
    try:
        return datetime.strptime(tagged(tags, UNTIL_TAG) or "", TAG_TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_of_stack(instance: Instance, stack: str) -> bool:
    """Whether the Instance is a box of `stack`: by tag, or by label if its tags were taken away."""
    return tagged(instance.tags, STACK_TAG) == stack or instance.label == box_label(stack)


def current_lease(stack: str, owner: str, listed: Iterable[Instance], held: Iterable[int], now: datetime) -> Lease:
    """The lease this run is about: the living box's, or a new one.

    listed: every Instance of the account. held: the ids that Pulumi's state holds and that are not gone.
    Raises CloudError, naming the box and how to end it, if a box of this stack is not ours to go on with.
    """
    mine, held = [box for box in listed if is_of_stack(box, stack)], set(held)
    for box in mine:
        check_ours(box, stack, owner)
        if box.id not in held:
            raise CloudError(
                f"stacks/{stack}: the account already has box {box.id} ({box.label}, created {box.created}), "
                "which this state does not hold",
                hint=f"it bills: end it with `fab sweep --stack {stack}`, or in the Cloud Manager; then run this again",
            )
    if hidden := held - {box.id for box in mine}:
        raise CloudError(
            f"stacks/{stack}: the account has box {hidden.pop()}, but does not list it as this stack's",
            hint=f"give it back its label {box_label(stack)}, or end it: pulumi destroy -s {stack}",
        )
    ids = {tagged(box.tags, LEASE_TAG) for box in mine} - {None}
    return Lease(ids.pop() or "", stack, owner) if ids else Lease.new(stack, owner, now)


def check_ours(box: Instance, stack: str, owner: str) -> None:
    """Raises CloudError for another owner's box, and for one that cannot say of which lease it is."""
    if (other := tagged(box.tags, OWNER_TAG)) not in (owner, None):
        raise CloudError(
            f"stacks/{stack}: box {box.id} belongs to owner {other}, you are {owner}",
            hint="use a stack name of your own, or ask its owner to end it",
        )
    if tagged(box.tags, LEASE_TAG) is None:
        raise CloudError(
            f"stacks/{stack}: box {box.id} ({box.label}) has lost its tag {LEASE_TAG}…",
            hint=f"end it: `fab sweep --stack {stack}`, then pulumi destroy -s {stack}",
        )


def held_ids(export: dict[str, object]) -> list[int]:
    """Ids of the Instances that a `pulumi stack export` holds; what is about to be replaced does not count."""
    deployment = export.get("deployment") or {}
    resources = deployment.get("resources") or [] if isinstance(deployment, dict) else []
    return [
        int(resource["id"])
        for resource in resources
        if resource.get("type") == "linode:index/instance:Instance"
        and re.fullmatch(r"[0-9]+", resource.get("id", ""))
        and not resource.get("delete")
        and not resource.get("pendingReplacement")
    ]
