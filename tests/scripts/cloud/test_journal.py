from scripts.cloud.journal import redacted
from tests.cloud import Cloud


def test_every_secret_becomes_its_length() -> None:
    body = {"metadata": {"user_data": "c2VjcmV0"}, "root_pass": "secret", "label": "abc", "keys": [{"token": "xyz"}]}
    assert redacted(body) == {
        "metadata": {"user_data": "<8 characters>"},
        "root_pass": "<6 characters>",
        "label": "abc",
        "keys": [{"token": "<3 characters>"}],
    }


def test_a_request_is_written_down_without_its_token(own_cloud: Cloud) -> None:
    own_cloud.add_token("very-secret", "linodes:read_only")
    own_cloud.call("GET", "/linode/instances?page=1", token="very-secret")
    own_cloud.call("GET", "/profile", token="wrong")
    names = ("method", "path", "query", "status", "token", "body")
    assert [tuple(entry[name] for name in names) for entry in own_cloud.requests()] == [
        ("GET", "/v4/linode/instances", "page=1", 200, "seeded", None),
        ("GET", "/v4/profile", "", 401, "invalid", None),
    ]


def test_the_admin_route_is_not_written_down(own_cloud: Cloud) -> None:
    own_cloud.clear_faults()
    assert own_cloud.requests() == []
