from tests.cloud import Cloud


def test_the_profile_is_the_tokens_user(cloud: Cloud) -> None:
    cloud.add_token("second-user", "linodes:read_only", username="second")
    assert cloud.json("GET", "/profile")["username"] == "daybox"
    assert cloud.json("GET", "/profile", token="second-user")["username"] == "second"


def test_the_profile_tells_any_token_what_it_may(cloud: Cloud) -> None:
    cloud.add_token("no-account", "linodes:read_write events:read_only")
    reply = cloud.call("GET", "/profile", token="no-account")
    assert (reply.status_code, reply.headers["X-OAuth-Scopes"]) == (200, "linodes:read_write events:read_only")


def test_the_account_is_nobodys_and_stays_the_same(cloud: Cloud) -> None:
    assert cloud.json("GET", "/account")["euuid"] == cloud.json("GET", "/account")["euuid"]


def test_tags_are_those_in_use_and_those_made(cloud: Cloud) -> None:
    cloud.create("bears-a-tag", tags=["borne"])
    cloud.json("POST", "/tags", {"label": "made"})
    labels = [tag["label"] for tag in cloud.json("GET", "/tags")["data"]]
    assert {"borne", "made"} <= set(labels)
    assert labels == sorted(labels)


def test_another_account_sees_nothing_of_ours(cloud: Cloud) -> None:
    box = cloud.create("not-yours")
    cloud.add_token("elsewhere", "*", username="stranger", account="theirs")
    assert cloud.json("GET", "/linode/instances", token="elsewhere")["data"] == []
    assert cloud.call("DELETE", f"/linode/instances/{box['id']}", token="elsewhere").status_code == 404
    assert cloud.json("GET", "/account/events", token="elsewhere")["data"] == []
    assert box["id"] in [row["id"] for row in cloud.json("GET", "/linode/instances")["data"]]
