"""The Receipt resource: it records the intent before anything bills, and proves at the end that nothing does.

Pulumi destroys it after the Instance and before Token and Firewall, so a failure here leaves what is needed to look
again. It never deletes a box itself. Its class names and module path are a stored format: Pulumi's state names them.
"""

import sys
import time
from dataclasses import MISSING, fields, replace
from typing import Any, NoReturn

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from stacks import ledger
from stacks.account import Account, deploy_token
from stacks.errors import DayboxError
from stacks.ledger import Entry
from stacks.proof import Proof, may_land_for, prove_gone, with_lost_boxes
from stacks.receipt_text import closing, kept_stages, receipt_text
from stacks.secrets import masked

ENTRY_KEYS = tuple(field.name for field in fields(Entry) if field.default is MISSING)  # known from the start
RUN: dict[str, float] = {}  # lease -> when this run of Pulumi refreshed it, on a clock that nobody sets
SPENT = "month_spent_usd"  # known from the start, too, but no change of it is a change of the lease


class ReceiptProvider(ResourceProvider):
    """Pulumi calls this in a process of its own; nothing secret is kept in it."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Write the intent to the ledger; on disk before the Instance is asked for."""
        entry = ledger.keep(entry_of(props), intended=time.time())
        return CreateResult(entry.lease, props)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Nothing to read; but when this run began tells `delete` whether the box was still there then."""
        RUN[str(props.get("lease"))] = time.monotonic()
        return ReadResult(id_, props)

    def diff(self, _id: str, old: dict[str, Any], new: dict[str, Any]) -> DiffResult:
        """Another lease is another receipt; everything else is an update."""
        changed = [key for key in ENTRY_KEYS if old.get(key) != new.get(key)]
        return DiffResult(bool(changed), replaces=["lease"] if "lease" in changed else [], delete_before_replace=True)

    def update(self, _id: str, _old: dict[str, Any], new: dict[str, Any]) -> UpdateResult:
        """Write what changed into the entry, keeping what was recorded since; another box may be asked for now."""
        entry = replace(entry_of(new), armed=None)  # where the ledger was lost: its box may well be armed
        ledger.keep(entry, **{key: getattr(entry, key) for key in ENTRY_KEYS}, intended=time.time())
        return UpdateResult(new)

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Prove that nothing is left, and write what it cost; fails otherwise, naming what is left."""
        try:
            entry = ledger.read(str(props["lease"])) or entry_of(props)
            account = Account(entry.api_url, deploy_token(props["cloud_token"]))
            ledger.check_same_user(entry, account.profile().user)
            proof = prove_gone(once_landed(entry, account), account)
            print(receipt_text(closed(entry, proof)), flush=True)
        except DayboxError as error:
            raise_in_one_line(error)


def entry_of(props: dict[str, Any]) -> Entry:
    """The ledger entry in the resource's inputs."""
    return Entry(**{key: props[key] for key in ENTRY_KEYS}, month_spent_usd=props.get(SPENT))


def closed(entry: Entry, proof: Proof) -> Entry:
    """The entry with its receipt, as it is on disk now; what the gateway noted while it was proved is kept."""
    newest, began = ledger.read(entry.lease) or entry, RUN.get(entry.lease)
    run_seconds = None if began is None else time.monotonic() - began
    stages = kept_stages(entry.stack, entry.lease)
    return ledger.keep(newest, stages=stages, **closing(newest, proof, run_seconds))


def once_landed(entry: Entry, account: Account) -> Entry:
    """The entry with the boxes whose create's reply was lost, once every create that may still land has landed."""
    if (wait := may_land_for(entry)) > 0:
        print(f"a box was asked for and not seen: waiting {wait:.0f} s for a create that may still land", flush=True)
        time.sleep(wait)
    return with_lost_boxes(entry, account)


def raise_in_one_line(error: DayboxError) -> NoReturn:
    """End a resource operation with the error's one line, without a traceback."""
    sys.tracebacklimit = 0  # NOTE: only right before the raise; at import it hangs the program
    raise Exception(masked(error.line())) from None


class Receipt(Resource):
    """Nothing left, and what it cost."""

    def __init__(self, name: str, entry: Entry, cloud_token: str, opts: pulumi.ResourceOptions) -> None:
        """cloud_token: the fixed word of the local cloud; empty for a real one, whose token is never in the state."""
        props = {key: getattr(entry, key) for key in (*ENTRY_KEYS, SPENT)} | {"cloud_token": cloud_token}
        super().__init__(ReceiptProvider(), name, props, opts)
