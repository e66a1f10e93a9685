"""The stand-in speaks to this machine only."""

import pytest

from scripts.cloud.provider.endpoint import Endpoint, is_loopback, url_fault
from scripts.cloud.provider.errors import ProviderError

LOCAL = {"LINODE_URL": "http://127.0.0.1:4711", "LINODE_TOKEN": "word"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine_is_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["api.example.org", "localhost.example.org", "198.51.100.1", "10.0.0.1", "0.0.0.0", "::", "", "127.1.example"],
)
def test_no_other_host_is_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url",
    ["https://api.example.org", "http://127.0.0.1@api.example.org/", "http://api.example.org/127.0.0.1", "127.0.0.1"],
)
def test_a_foreign_url_is_refused_in_one_line_with_a_way_out(url: str) -> None:
    fault = url_fault(url)
    assert fault.startswith(f"linode:url: {url} is not on this machine: ")
    assert fault.endswith(
        "use the real linode provider (take the stand-in off PATH), or the local cloud (source scripts/env local)"
    )
    assert "\n" not in fault


def test_no_url_is_refused_because_the_default_would_be_linode() -> None:
    with pytest.raises(ProviderError, match=r"^linode:url: not set, and this stand-in .* never speaks to Linode; "):
        Endpoint.from_arguments({}, {"LINODE_TOKEN": "word"})


def test_no_token_is_said_before_anything_is_asked() -> None:
    with pytest.raises(ProviderError, match=r"^linode:token: not set; export LINODE_TOKEN$"):
        Endpoint.from_arguments({}, {"LINODE_URL": "http://127.0.0.1:4711"})


def test_arguments_come_before_the_environment() -> None:
    endpoint = Endpoint.from_arguments({"url": "http://localhost:1/", "token": "mine", "apiVersion": "v4beta"}, LOCAL)
    assert (endpoint.url, endpoint.token) == ("http://localhost:1/v4beta", "mine")


@pytest.mark.parametrize(("given", "seconds"), [({}, 0.2), ({"eventPollMs": "50"}, 0.05), ({"eventPollMs": 4000}, 4.0)])
def test_the_poll_interval_is_the_providers_argument(given: dict[str, object], seconds: float) -> None:
    assert Endpoint.from_arguments(dict(given), LOCAL).poll_seconds == seconds


def test_an_endpoint_does_not_print_its_token() -> None:
    assert "word" not in repr(Endpoint.from_arguments({}, LOCAL))
