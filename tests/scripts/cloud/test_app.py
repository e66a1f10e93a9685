import httpx
import pytest

from scripts.cloud.routes import ENDPOINTS, Endpoint
from tests.cloud import Cloud

NEEDING = [end for end in ENDPOINTS if end.scope is not None]
SCOPED = [end for end in NEEDING if end.scope != "*"]
SAMPLE = {"{id:int}": "7", "{part:int}": "7", "{id:str}": "x", "{id:path}": "x"}


def path_of(end: Endpoint) -> str:
    path = end.path
    for hole, filling in SAMPLE.items():
        path = path.replace(hole, filling)
    return path


@pytest.mark.parametrize("end", NEEDING, ids=lambda end: f"{end.method} {end.path}")
def test_what_is_not_public_wants_a_token(cloud: Cloud, end: Endpoint) -> None:
    reply = cloud.call(end.method, path_of(end), token="")
    assert (reply.status_code, reply.json()) == (401, {"errors": [{"reason": "Invalid Token"}]})


@pytest.mark.parametrize("end", SCOPED, ids=lambda end: f"{end.method} {end.path}")
def test_a_token_without_the_scope_is_told_which_one_was_wanted(cloud: Cloud, end: Endpoint) -> None:
    cloud.add_token("powerless", "domains:read_only")
    reply = cloud.call(end.method, path_of(end), token="powerless")
    assert (reply.status_code, reply.headers["X-Accepted-OAuth-Scopes"]) == (401, end.scope)


@pytest.mark.parametrize("path", ["/linode/types", "/regions", "/images", "/linode/types/local-cpu", "/regions/us-ord"])
def test_offers_are_public_but_a_bad_token_is_refused_even_there(cloud: Cloud, path: str) -> None:
    assert cloud.call("GET", path, token="").status_code == 200
    assert cloud.call("GET", path, token="bad").status_code == 401


@pytest.mark.parametrize("path", ["/linode/types/x", "/regions/x", "/regions/x/availability", "/images/linode/x", "/x"])
def test_what_there_is_not_is_404(cloud: Cloud, path: str) -> None:
    reply = cloud.call("GET", path)
    assert (reply.status_code, reply.json()) == (404, {"errors": [{"reason": "Not found"}]})


def test_an_image_with_a_slash_in_its_name_is_found(cloud: Cloud) -> None:
    assert cloud.json("GET", "/images/linode/debian13")["id"] == "linode/debian13"


def test_one_regions_stock_is_a_bare_list(cloud: Cloud) -> None:
    assert {"plan": "local-cpu", "available": True} in cloud.json("GET", "/regions/local/availability")


def test_a_method_that_is_not_known_is_405_in_the_apis_shape(cloud: Cloud) -> None:
    assert cloud.call("PATCH", "/profile").json() == {"errors": [{"reason": "Method Not Allowed"}]}


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_object_is_refused(cloud: Cloud, content: bytes) -> None:
    headers = {"Authorization": "Bearer daybox-local"}
    reply = httpx.post(f"{cloud.url}/v4/linode/instances", content=content, headers=headers)
    assert (reply.status_code, reply.json()) == (400, {"errors": [{"reason": "Invalid JSON"}]})


def test_v4beta_is_the_same(cloud: Cloud) -> None:
    assert httpx.get(f"{cloud.url}/v4beta/regions/local").json() == cloud.json("GET", "/regions/local")


def test_the_content_type_is_exactly_what_the_real_client_insists_on(cloud: Cloud) -> None:
    """linodego compares it as text; a charset would be an error."""
    assert cloud.call("GET", "/x").headers["Content-Type"] == "application/json"


def test_the_rate_limit_is_told(own_cloud: Cloud) -> None:
    remaining = [own_cloud.call("GET", "/linode/instances").headers["X-RateLimit-Remaining"] for _ in range(2)]
    assert remaining in (["199", "198"], ["199", "199"])  # the minute may have turned between them
