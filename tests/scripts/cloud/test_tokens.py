from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cloud import Cloud

PATH = "/profile/tokens"


def make(cloud: Cloud, scopes: str = "linodes:read_write") -> dict[str, Any]:
    expiry = datetime.now(UTC) + timedelta(hours=1)
    body = {"label": "box", "scopes": scopes, "expiry": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")}
    row: dict[str, Any] = cloud.json("POST", PATH, body)
    return row


def test_a_token_is_told_once_and_never_again_whole(cloud: Cloud) -> None:
    row = make(cloud)
    assert len(row["token"]) == 64
    assert cloud.json("GET", f"{PATH}/{row['id']}")["token"] == row["token"][:16]


def test_its_expiry_is_zoneless(cloud: Cloud) -> None:
    assert "Z" not in make(cloud)["expiry"] and "+" not in make(cloud)["expiry"]


def test_a_token_does_what_its_scopes_say_and_no_more(cloud: Cloud) -> None:
    token = make(cloud)["token"]
    listed = cloud.call("GET", "/linode/instances", token=token)
    assert (listed.status_code, listed.headers["X-OAuth-Scopes"]) == (200, "linodes:read_write")
    refused = cloud.call("GET", "/networking/firewalls", token=token)
    assert (refused.status_code, refused.headers["X-Accepted-OAuth-Scopes"]) == (401, "firewall:read_only")
    assert refused.headers["X-OAuth-Scopes"] == "linodes:read_write"


def test_a_token_that_may_only_read_may_not_delete(cloud: Cloud) -> None:
    row = cloud.create("read-only")
    token = make(cloud, "linodes:read_only")["token"]
    assert cloud.call("DELETE", f"/linode/instances/{row['id']}", token=token).status_code == 401
    assert cloud.call("GET", f"/linode/instances/{row['id']}", token=token).status_code == 200


def test_a_revoked_token_is_of_no_use(cloud: Cloud) -> None:
    row = make(cloud)
    assert cloud.json("DELETE", f"{PATH}/{row['id']}") == {}
    assert cloud.call("GET", "/profile", token=row["token"]).status_code == 401
    assert cloud.call("GET", f"{PATH}/{row['id']}").status_code == 404


def test_a_token_cannot_make_a_stronger_one(cloud: Cloud) -> None:
    cloud.add_token("account-only", "account:read_write")
    reply = cloud.call("POST", PATH, {"label": "box", "scopes": "linodes:read_write"}, token="account-only")
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "scopes")


@pytest.mark.parametrize("expiry", ["2020-01-01T00:00:00", "soon"])
def test_an_expiry_that_is_past_or_no_time_is_refused(cloud: Cloud, expiry: str) -> None:
    reply = cloud.call("POST", PATH, {"label": "box", "scopes": "*", "expiry": expiry})
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, "expiry")


def test_a_token_without_expiry_lasts_for_ever(cloud: Cloud) -> None:
    assert cloud.json("POST", PATH, {"label": "box", "scopes": "*"})["expiry"].startswith("2999")


def test_the_label_alone_can_be_changed(cloud: Cloud) -> None:
    row = make(cloud)
    now = cloud.json("PUT", f"{PATH}/{row['id']}", {"label": "other"})
    assert (now["label"], now["scopes"], now["token"]) == ("other", row["scopes"], row["token"][:16])


def test_the_tokens_of_another_user_are_not_mine(cloud: Cloud) -> None:
    cloud.add_token("theirs", "account:read_write", username="other")
    row = cloud.json("POST", PATH, {"label": "theirs", "scopes": "account:read_only"}, token="theirs")
    assert cloud.call("GET", f"{PATH}/{row['id']}").status_code == 404
    assert row["id"] not in [mine["id"] for mine in cloud.json("GET", PATH)["data"]]
