"""Events: what happened on the account. They progress by the clock alone: a restart loses none."""

from scripts.cloud.replies import Json
from scripts.cloud.store import Store, zoneless

# Seconds each action takes here; the real ones take a minute. Long enough that a quick client sees it under way.
SECONDS = {
    "linode_create": 0.5,
    "linode_boot": 0.5,
    "linode_reboot": 0.5,
    "linode_shutdown": 0.5,
    "linode_delete": 0.3,
    "linode_resize": 0.5,
    "linode_migrate_datacenter": 0.5,
    "volume_create": 0.3,
    "volume_attach": 0.3,
    "volume_detach": 0.3,
    "volume_resize": 0.3,
    "volume_delete": 0.3,
}
SCHEDULED_SHARE = 0.2  # of that time the event is only scheduled

URLS = {
    "linode": "/v4/linode/instances/{id}",
    "firewall": "/v4/networking/firewalls/{id}",
    "volume": "/v4/volumes/{id}",
    "token": "/v4/profile/tokens/{id}",
    "image": "/v4/images/{id}",
}


def record(store: Store, action: str, username: str, entity: Json, secondary: Json | None = None) -> Json:
    """Write down that `action` began now. What takes no time is a notification."""
    row = {"action": action, "username": username, "entity": entity, "secondary_entity": secondary, "at": store.clock()}
    return store.add("events", row)


def entity(kind: str, row: Json) -> Json:
    """How an event, a firewall or a device refers to something."""
    return {"id": row["id"], "type": kind, "label": row["label"], "url": URLS[kind].format(id=row["id"])}


def body(row: Json, now: float) -> Json:
    """The event as the API shows it at `now` (epoch seconds)."""
    status, percent, duration = progress(row["action"], now - row["at"])
    return {
        "id": row["id"],
        "created": zoneless(row["at"]),
        "seen": False,
        "read": False,
        "percent_complete": percent,
        "time_remaining": None,
        "rate": None,
        "duration": duration,
        "action": row["action"],
        "username": row["username"],
        "entity": row["entity"],
        "secondary_entity": row["secondary_entity"],
        "status": status,
        "message": "",
    }


def progress(action: str, age: float) -> tuple[str, int | None, float | None]:
    """Status, percent and duration in seconds of an action that began `age` seconds ago."""
    takes = SECONDS.get(action)
    if takes is None:
        return "notification", None, None
    if age >= takes:
        return "finished", 100, takes
    return ("scheduled", 0, None) if age < takes * SCHEDULED_SHARE else ("started", int(100 * age / takes), None)
