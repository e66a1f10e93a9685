"""The Watchdog resource: a box counts as created only when it can end itself.

Create and update arm the box over pinned ssh. What cannot be armed on create is deleted through the API, because
a box that nobody could stop must not exist. Class names and module path are a stored format: Pulumi's state has them.
"""

import json
import time
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from stacks import ledger
from stacks.account import Account, deploy_token, utc
from stacks.arming import Arms, arm
from stacks.box import alias
from stacks.errors import BoxError, CloudError, DayboxError
from stacks.places import stack_dir, write_private
from stacks.receipt import raise_in_one_line
from stacks.receipt_text import GIVEN_BACK
from stacks.ssh import Target, prepare, run
from templates.box.watchdog_rules import Limits

STATUS = "/opt/daybox/bin/watchdog --status"
STATUS_SECONDS = 6.0  # a box that answers does so within one


@dataclass(frozen=True)
class ArmInputs:
    """What arming depends on; a change of any of it re-arms.

    instance_id: an input although the address may stay: a new box on an old address must be armed, too.
    program_sha256: of the watchdog's own files, so that a mended watchdog reaches a running box.
    tags: what the Instance must carry, `daybox-until-…` among them; the engine ignores tags.
    """

    stack: str
    lease: str
    instance_id: pulumi.Input[str]
    address: pulumi.Input[str]
    api_url: str
    box_api_url: str
    cloud_token: str
    login_key: str
    first_host_key: str
    ends: list[list[Any]]
    idle_minutes: float
    ready_minutes: float
    self_destruct: bool
    program_sha256: str
    tags: list[str]
    hour_seconds: float
    token: pulumi.Input[str] = field(repr=False)
    webhook_url: pulumi.Input[str] = field(repr=False)
    ntfy_url: pulumi.Input[str] = field(repr=False)


INPUTS = tuple(field.name for field in fields(ArmInputs))


class WatchdogProvider(ResourceProvider):
    """Pulumi calls this in a process of its own; the token comes as a secret input and is kept nowhere else."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Arm the new box, or delete it and fail."""
        host_key = armed_or_given_back(props)
        return CreateResult(f"{int(props['instance_id'])}-{props['lease']}", props | {"host_key": host_key})

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        """Re-arm in place on any change but the address of this laptop's own files."""
        changed = [key for key in INPUTS if key != "login_key" and old.get(key) != new.get(key)]
        return DiffResult(bool(changed))

    def update(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        """Arm again; another box, which took the place of one that vanished, is as new as in create.

        If it fails for the same box, that keeps its old token and limits, which still hold.
        """
        if int(old["instance_id"]) != int(new["instance_id"]):
            return UpdateResult(new | {"host_key": armed_or_given_back(new)})
        try:
            account_of(new).set_tags(int(new["instance_id"]), list(new["tags"]))
            ledger.add_instance(new["lease"], int(new["instance_id"]))
            return UpdateResult(new | {"host_key": armed(new, (old["host_key"],))})
        except DayboxError as error:
            raise_in_one_line(error)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Change nothing. It is called before every `up` and `destroy`: the last moment to ask what the box served."""
        with suppress(Exception):  # whatever a box says, or does not: it must not hold up `destroy`
            note_served(props)
        return ReadResult(id_, props)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Do nothing at all: this is called when the box has vanished already, and must never reach for it."""


def armed_or_given_back(props: dict[str, Any]) -> str:
    """The host key of a new box, once it is armed. Whatever goes wrong, a box that nothing could stop is deleted."""
    try:
        ledger.add_instance(props["lease"], int(props["instance_id"]))
        keys = (remembered_key(props), props["first_host_key"])
        return armed(props, tuple(key for key in keys if key))
    except DayboxError as error:
        raise_in_one_line(given_back(props, error))
    except Exception as error:  # a fault of ours must not leave a box that bills
        raise_in_one_line(given_back(props, BoxError(f"box: {type(error).__name__}: {error}", hint="tell us of it")))


def armed(props: dict[str, Any], host_keys: tuple[str, ...]) -> str:
    """Arm the box of `props`; returns its own host key. host_keys: those it may answer with now."""
    target = target_of(props, host_keys)
    notices = {"webhook": props["webhook_url"], "ntfy": props["ntfy_url"]}
    key = arm(target, Arms(limits(props), props["token"], notices), remember=lambda key: remember_key(props, key))
    ledger.add_armed(props["lease"], int(props["instance_id"]))
    return key


def note_served(props: dict[str, Any]) -> None:
    """Note in the ledger how many tokens the box has served by its own word. Raises what a silent box raises."""
    said = json.loads(run(prepare(target_of(props, (props["host_key"],))), STATUS, timeout=STATUS_SECONDS).stdout)
    if said["tokens"] is not None:
        ledger.note(props["lease"], tokens=int(said["tokens"]), told=time.time())


def target_of(props: dict[str, Any], host_keys: tuple[str, ...]) -> Target:
    """The box of `props` as ssh reaches it. host_keys: those it may answer with now."""
    return Target(
        props["stack"], props["address"], alias(int(props["instance_id"])), Path(props["login_key"]), host_keys
    )


def account_of(props: dict[str, Any]) -> Account:
    """The account that the box is in."""
    return Account(props["api_url"], deploy_token(props["cloud_token"]))


def limits(props: dict[str, Any]) -> Limits:
    """The limits in the resource's inputs, as the box gets them; its age counts from its own creation."""
    instance_id = int(props["instance_id"])
    row = account_of(props).instance(instance_id)
    if row is None:
        raise CloudError(f"cloud: box {instance_id} is not there (404)", hint="run `pulumi up` again")
    known = {name: props[name] for name in Limits.__dataclass_fields__ if name in props}
    own = {"instance_id": instance_id, "api_url": props["box_api_url"], "created_at": utc(row.created).timestamp()}
    return Limits(**known | own)


def key_file(props: dict[str, Any]) -> Path:
    """Where a box's own host key is noted between its making and Pulumi's own record of it."""
    return stack_dir(props["stack"]) / f"host_key-{int(props['instance_id'])}"


def remember_key(props: dict[str, Any], key: str) -> None:
    """Note the key before the box uses it: a crash now must not lock us out. A stack has one box: older notes go."""
    own = write_private(key_file(props), key + "\n")
    for note in own.parent.glob("host_key-*"):
        if note != own:
            note.unlink()


def remembered_key(props: dict[str, Any]) -> str:
    """The noted key of this very box, or nothing."""
    return key_file(props).read_text().strip() if key_file(props).is_file() else ""


def given_back(props: dict[str, Any], error: DayboxError) -> DayboxError:
    """Delete the box that could not be armed; the error then says both."""
    instance_id = int(props["instance_id"])
    try:
        account_of(props).end(instance_id)
    except DayboxError as failed:
        return CloudError(
            f"{error.fact}; and box {instance_id} could not be deleted: {failed.fact}",
            hint=f"IT BILLS: fab sweep --stack {props['stack']}, or delete it in the Cloud Manager",
        )
    with suppress(DayboxError, OSError):  # for the receipt only
        ledger.note(props["lease"], reason=GIVEN_BACK)
    asks_the_box = any(command in error.hint for command in ("fab logs", "fab ssh"))  # which is no more
    way_out = "run `pulumi up` again" if asks_the_box else error.hint
    hint = f"box {instance_id} was given back because nothing could have stopped it; {way_out}"
    return CloudError(error.fact, hint=hint)


class Watchdog(Resource):
    """A box that can end itself."""

    address: pulumi.Output[str]
    host_key: pulumi.Output[str]

    def __init__(self, name: str, inputs: ArmInputs, opts: pulumi.ResourceOptions) -> None:
        props = {field.name: getattr(inputs, field.name) for field in fields(inputs)}
        super().__init__(WatchdogProvider(), name, props | {"host_key": None}, opts)
