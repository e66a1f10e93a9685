"""Deeds on a living Instance: boot, shutdown, reboot, resize, migrate, backups. Each replies at once with `{}`."""

import asyncio
from collections.abc import Callable

from scripts.cloud import events, plans, regions
from scripts.cloud.cloud import Call
from scripts.cloud.replies import BUSY, NO_CAPACITY, Json, Refusal, fault, refuse_if


async def boot(call: Call) -> Json:
    """Start the box."""
    row = _free(call)
    await asyncio.to_thread(call.cloud.boxes.set_lassie, row["id"], row["watchdog_enabled"])
    return await _do(call, row, "linode_boot", "booting", call.cloud.boxes.boot)


async def shutdown(call: Call) -> Json:
    """Power the box off; it bills on, and Lassie leaves it alone."""
    return await _do(call, _free(call), "linode_shutdown", "shutting_down", call.cloud.boxes.shutdown)


async def reboot(call: Call) -> Json:
    """Reboot the box."""
    return await _do(call, _free(call), "linode_reboot", "rebooting", call.cloud.boxes.reboot)


async def resize(call: Call) -> Json:
    """Give the Instance another type; here that changes figures only."""
    row, plan = _free(call), call.body.get("type")
    refuse_if([] if plan in plans.BY_ID else [fault("A valid plan type by that ID was not found", "type")])
    if not regions.BY_ID[row["region"]].sells(str(plan)):
        raise Refusal(403, fault(NO_CAPACITY))
    row["type"] = plan
    return await _do(call, row, "linode_resize", "resizing")


async def migrate(call: Call) -> Json:
    """Move the Instance to another region; here that changes figures only."""
    row, region = _free(call), call.body.get("region") or call.row("instances", "id")["region"]
    refuse_if([] if region in regions.BY_ID else [fault("region is not valid", "region")])
    row["region"] = region
    return await _do(call, row, "linode_migrate_datacenter", "migrating")


async def enable_backups(call: Call) -> Json:
    """Order backups: a figure only."""
    row = _free(call)
    row["backups_enabled"] = True
    call.record("backups_enable", "linode", row)
    return {}


async def cancel_backups(call: Call) -> Json:
    """Cancel backups."""
    row = _free(call)
    row["backups_enabled"] = False
    call.record("backups_cancel", "linode", row)
    return {}


def _free(call: Call) -> Json:
    row = call.row("instances", "id")
    if row["phase"] != "here":
        raise Refusal(400, fault(BUSY))
    return row


async def _do(call: Call, row: Json, action: str, doing: str, deed: Callable[[int], None] | None = None) -> Json:
    if deed:
        await asyncio.to_thread(deed, row["id"])
    row["doing"] = [doing, call.store.clock() + events.SECONDS[action]]
    call.store.touch(row)
    call.record(action, "linode", row)
    return {}
