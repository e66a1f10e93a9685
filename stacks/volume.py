"""The Volume resource: a stack's weights and vLLM's cache, kept from box to box.

No `linode.Volume`: `destroy` would end it, or with retain_on_delete forget it, and the next `up` could not take it
back without an import. Here the account is the memory: found by label, made if there is none, tagged, attached. So a
killed `up`, a lost reply and a second laptop find the same one. Deleting the resource leaves the volume where it is.
Class names and module path are a stored format: Pulumi's state has them.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from stacks.account import Account, deploy_token
from stacks.belongings import VOLUME
from stacks.errors import CloudError, DayboxError, NotReadyError
from stacks.lease import until_of
from stacks.receipt import raise_in_one_line
from stacks.volume_terms import found, stays_line

WAIT_SECONDS, LOOK_SECONDS = 120.0, 0.5  # Linode takes seconds to make or attach one


@dataclass(frozen=True)
class VolumeInputs:
    """What the volume must be. instance_id: the box that gets it; tags: its end and whose it is."""

    stack: str
    label: str
    region: str
    size_gib: int
    usd_per_month: float
    tags: list[str]
    instance_id: pulumi.Input[str]
    api_url: str
    cloud_token: str


INPUTS = tuple(field.name for field in fields(VolumeInputs))
FOR_PEOPLE = ("usd_per_month",)  # a new price changes nothing in the account


class VolumeProvider(ResourceProvider):
    """Pulumi calls this in a process of its own; nothing secret is kept in it."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Find or make the volume, and attach it."""
        try:
            row = held(account_of(props), props)
        except DayboxError as error:
            raise_in_one_line(error)
        return CreateResult(str(row["id"]), props | {"attached": int(props["instance_id"])})

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Where it hangs now; an empty id if it is gone. What the API does not say changes nothing."""
        with suppress(DayboxError):
            row = account_of(props).get(f"{VOLUME.path}/{id_}")
            return ReadResult(id_, props | {"attached": row["linode_id"]}) if row else ReadResult("", {})
        return ReadResult(id_, props)

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        """Every change is in place; one that was detached by hand is attached again."""
        changed = [key for key in INPUTS if key not in FOR_PEOPLE and old.get(key) != new.get(key)]
        return DiffResult(bool(changed) or same_box(old.get("attached")) != same_box(new.get("instance_id")))

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        """The same as create."""
        return UpdateResult(self.create(new).outs)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        """Leave the volume where it is, and say what it costs on; of an account that says nothing, as `up` left it."""
        row: dict[str, Any] | None = {"id": id_, "label": props["label"], "size": props["size_gib"]} | dict(props)
        with suppress(DayboxError):
            row = account_of(props).get(f"{VOLUME.path}/{id_}")
        if row:
            until = until_of(row["tags"])
            day = f"{until:%Y-%m-%d}" if until else "somebody ends it"
            print(
                stays_line(props["stack"], int(row["id"]), row["label"], int(row["size"]), props["usd_per_month"], day)
            )


def same_box(value: object) -> object:
    """An Instance's id, which Pulumi has as text, as an integer or as a float; what is none, as it is."""
    return int(float(value)) if isinstance(value, str | int | float) and str(value).strip() else value


def account_of(props: Mapping[str, Any]) -> Account:
    """The account that the volume is in."""
    return Account(props["api_url"], deploy_token(props["cloud_token"]))


def held(account: Account, props: Mapping[str, Any]) -> dict[str, Any]:
    """The volume, found or made, as large and tagged as it should be, attached to the box: its row in the API's JSON.

    Whatever was done before is not done again. Raises DayboxError.
    """
    number, size = int(props["instance_id"]), int(props["size_gib"])  # Pulumi's numbers are floats
    row = found(account, props["label"]) or account.post(
        VOLUME.path,
        {"label": props["label"], "region": props["region"], "size": size, "tags": list(props["tags"])},
    )
    here = f"{VOLUME.path}/{row['id']}"
    row = until(account, here, "active", is_active)
    if row["size"] < size:
        account.post(f"{here}/resize", {"size": size})
        row = until(account, here, "larger", is_active)
    if sorted(row["tags"]) != sorted(props["tags"]):
        account.put(here, {"tags": list(props["tags"])})
    if row["linode_id"] not in (None, number):
        free(account, row)
        row = until(account, here, "detached", lambda found: found["linode_id"] is None)
    if row["linode_id"] is None:
        account.post(f"{here}/attach", {"linode_id": number, "persist_across_boots": True})
    return until(account, here, f"attached to box {number}", lambda found: found["linode_id"] == number)


def is_active(row: Mapping[str, Any]) -> bool:
    """Whether it can be worked with."""
    return bool(row["status"] == "active")


def free(account: Account, row: Mapping[str, Any]) -> None:
    """Detach it from a box that is gone. Raises CloudError if that box is still there: its data may be in use."""
    if account.instance(row["linode_id"]):
        raise CloudError(
            f"cloud: volume {row['id']} ({row['label']}) hangs on box {row['linode_id']}, which is still there",
            hint="end that box, or detach the volume in the Cloud Manager; then run `pulumi up` again",
        )
    account.post(f"{VOLUME.path}/{row['id']}/detach", {})


def until(account: Account, here: str, what: str, condition: Callable[[Mapping[str, Any]], bool]) -> dict[str, Any]:
    """The volume's row once `condition` holds of it. Raises NotReadyError after two minutes."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        row = account.get(here)
        if row is None:
            raise CloudError(f"cloud: {here} is not there (404)", hint="run `pulumi up` again")
        if condition(row):
            return row
        if time.monotonic() > deadline:
            raise NotReadyError(f"cloud: {here} is not {what} after {WAIT_SECONDS:.0f} s", hint="run `pulumi up` again")
        time.sleep(LOOK_SECONDS)


class Volume(Resource):
    """Weights and caches that outlive their box."""

    def __init__(self, name: str, inputs: VolumeInputs, opts: pulumi.ResourceOptions) -> None:
        props = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
        super().__init__(VolumeProvider(), name, props | {"attached": None}, opts)
