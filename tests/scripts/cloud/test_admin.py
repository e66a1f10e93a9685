import httpx

from tests.cloud import Cloud


def test_the_double_says_which_cloud_it_is(cloud: Cloud) -> None:
    reply = httpx.get(f"{cloud.url}/admin/ping").json()
    assert reply == {"cloud": cloud.json("GET", "/account")["euuid"], "port": int(cloud.url.rpartition(":")[2])}


def test_an_unknown_fault_names_the_known_ones(cloud: Cloud) -> None:
    reply = httpx.post(f"{cloud.url}/admin/faults", json={"fault": "flood"})
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["reason"].startswith("choose from: no-capacity, ")


def test_an_expired_token_can_be_planted(cloud: Cloud) -> None:
    cloud.add_token("long-gone", "*", expiry="2020-01-01T00:00:00Z")
    assert cloud.call("GET", "/profile", token="long-gone").status_code == 401


def test_a_token_can_be_revoked_by_its_value(cloud: Cloud) -> None:
    cloud.add_token("of-no-more-use", "*")
    cloud.revoke("of-no-more-use")
    assert cloud.call("GET", "/profile", token="of-no-more-use").status_code == 401
