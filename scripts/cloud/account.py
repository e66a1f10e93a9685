"""The account itself: profile, account, events, tags."""

from scripts.cloud import events, limits
from scripts.cloud.cloud import Call
from scripts.cloud.lists import page
from scripts.cloud.replies import Json, refuse_if
from scripts.cloud.store import zoneless


def get_profile(call: Call) -> Json:
    """Whose token this is. Any valid token may ask, and X-OAuth-Scopes tells it what it may."""
    name = call.caller.username
    return {
        "uid": sum(name.encode()),
        "username": name,
        "email": f"{name}@example.net",
        "verified_phone_number": None,
        "timezone": "UTC",
        "email_notifications": False,
        "referrals": {"code": "", "url": "", "total": 0, "completed": 0, "pending": 0, "credit": 0},
        "ip_whitelist_enabled": False,
        "lish_auth_method": "keys_only",
        "authorized_keys": None,
        "two_factor_auth": False,
        "tfa_enforced": False,
        "restricted": False,
        "authentication_type": "password",
    }


def list_logins(call: Call) -> Json:
    """When and from where this user signed in to the cloud's web page, of which the double has none."""
    mine = [row for row in call.store.rows("logins") if row["username"] == call.caller.username]
    names = ("id", "datetime", "ip", "username", "restricted", "status")
    return page(call, "/profile/logins", [{name: row[name] for name in names} for row in mine])


def get_account(call: Call) -> Json:
    """The account that would pay: nobody's."""
    known = {"company": "daybox local cloud", "email": "nobody@example.net", "euuid": call.store.account["euuid"]}
    blank = ("address_1", "address_2", "city", "country", "first_name", "last_name", "phone", "state", "tax_id", "zip")
    return (
        known
        | dict.fromkeys(blank, "")
        | {
            "active_since": zoneless(call.store.account["since"]),
            "active_promotions": [],
            "balance": 0.0,
            "balance_uninvoiced": 0.0,
            "billing_source": "akamai",
            "capabilities": ["Linodes", "Block Storage", "Cloud Firewall", "Linode Interfaces"],
            "credit_card": {"expiry": None, "last_four": None},
        }
    )


def list_events(call: Call) -> Json:
    """What happened, as far as it is kept."""
    now = call.store.clock()
    return page(call, "/account/events", [events.body(row, now) for row in call.store.rows("events")])


def get_event(call: Call) -> Json:
    """One event, as far as it has come."""
    return events.body(call.row("events", "id"), call.store.clock())


def list_tags(call: Call) -> Json:
    """Every tag that something bears, or that was made."""
    tables = ("instances", "firewalls", "volumes")
    borne = {tag for table in tables for row in call.store.rows(table) for tag in row["tags"]}
    made = {row["label"] for row in call.store.rows("tags")}
    return page(call, "/tags", [{"label": label} for label in sorted(borne | made)])


def create_tag(call: Call) -> Json:
    """Make a tag."""
    label = call.body.get("label")
    refuse_if(list(limits.length_faults(label, limits.TAG, "label")))
    call.store.add("tags", {"label": label})
    return {"label": label}
