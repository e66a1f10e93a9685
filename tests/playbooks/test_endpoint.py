"""The gateway as our own commands see it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.endpoint import Endpoint
from stacks.errors import BoxError, ModelError
from tests.playbooks.fake_box import CLIENT_KEY, SERVED, WINDOW, GatewayWorld, free_port, gateway_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[GatewayWorld]:
    with gateway_world(tmp_path) as running:
        yield running


def endpoint(world: GatewayWorld, key: str = CLIENT_KEY) -> Endpoint:
    return Endpoint(world.port, key)


def test_the_status_needs_no_key(world: GatewayWorld) -> None:
    found = endpoint(world, "").status()
    assert found is not None
    assert (found.stack, found.up, found.word) == ("s", True, "open")


def test_where_nobody_listens_there_is_no_status() -> None:
    assert Endpoint(free_port()).status() is None


def test_proxy_variables_have_no_say(world: GatewayWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert endpoint(world).status() is not None


def test_the_window_is_the_servers_own(world: GatewayWorld) -> None:
    assert endpoint(world).window(SERVED) == WINDOW


def test_a_model_that_is_not_served_is_an_error_that_names_what_is(world: GatewayWorld) -> None:
    with pytest.raises(ModelError) as caught:
        endpoint(world).window("another")
    assert caught.value.line() == "box/vllm: serves coder, coder-commit, not another; converge it: fab bootstrap"


def test_a_completion_is_a_real_one(world: GatewayWorld) -> None:
    assert endpoint(world).complete(SERVED) < 5
    assert world.box.asked[-1]["body"]["max_tokens"] == 1


def test_usage_is_the_asking_clients_own(world: GatewayWorld) -> None:
    endpoint(world).complete(SERVED)
    assert endpoint(world).usage()["requests"] == 1


def test_a_closed_tunnel_says_how_to_open_it() -> None:
    port = free_port()
    with pytest.raises(BoxError) as caught:
        Endpoint(port).window(SERVED)
    assert str(caught.value).startswith(f"daybox/tunnel: port {port} does not answer")
    assert caught.value.hint == "open it: fab tunnel"


def test_a_tunnel_that_is_down_is_an_error_in_the_gateways_own_words(world: GatewayWorld) -> None:
    world.state.up, world.state.word, world.state.since = False, "Connection refused; again", 0.0
    with pytest.raises(BoxError) as caught:
        endpoint(world).complete(SERVED)
    assert caught.value.fact == "daybox/tunnel: down since 1970-01-01T00:00:00Z: Connection refused; again"
    assert caught.value.hint == "it comes back by itself: `fab tunnel.status`"


def test_a_wrong_key_is_an_error_of_the_model_and_not_silence(world: GatewayWorld) -> None:
    with pytest.raises(ModelError, match="answered 401"):
        endpoint(world, "wrong").complete(SERVED)
