import pytest

from scripts.cloud import auth
from scripts.cloud.auth import ANONYMOUS, Caller, identify
from scripts.cloud.replies import Refusal
from scripts.cloud.store import Store, zoneless
from tests.scripts.cloud.conftest import Clock


@pytest.mark.parametrize(
    ("scopes", "wanted", "may"),
    [
        ("*", "account:read_write", True),
        ("linodes:read_write", "linodes:read_only", True),
        ("linodes:*", "linodes:read_write", True),
        ("linodes:read_only", "linodes:read_write", False),
        ("linodes:read_write", "firewall:read_only", False),
        ("linodes:read_write,events:read_only", "events:read_only", True),
        ("", "events:read_only", False),
    ],
)
def test_what_a_token_may(scopes: str, wanted: str, may: bool) -> None:
    assert Caller("t", "u", scopes).may(wanted) is may


def test_the_fixed_token_may_everything(store: Store) -> None:
    assert identify(store, "Bearer daybox-local") == Caller("daybox-local", "daybox", "*")


@pytest.mark.parametrize("header", ["Bearer nobody", "Basic daybox-local", "daybox-local", ""])
def test_any_other_word_is_an_invalid_token(store: Store, header: str) -> None:
    with pytest.raises(Refusal) as refused:
        identify(store, header)
    assert (refused.value.status, refused.value.faults) == (401, ({"reason": "Invalid Token"},))


def test_a_token_is_good_until_its_second(store: Store, clock: Clock) -> None:
    store.add("tokens", auth.holder("box", "linodes:read_write", zoneless(clock.now + 10), "me", "secret"))
    assert identify(store, "Bearer secret").username == "me"
    clock.now += 10
    with pytest.raises(Refusal):
        identify(store, "Bearer secret")


def test_a_scope_that_is_missing_is_401_and_said_so() -> None:
    with pytest.raises(Refusal) as refused:
        auth.require(Caller("t", "u", "linodes:read_only"), "linodes:read_write")
    assert refused.value.status == 401
    assert refused.value.faults[0]["reason"] == "Your OAuth token is not authorized to use this endpoint."


def test_nobody_may_what_is_not_public() -> None:
    auth.require(ANONYMOUS, None)
    with pytest.raises(Refusal):
        auth.require(ANONYMOUS, "*")


def test_the_state_holds_no_token(store: Store) -> None:
    store.add("tokens", auth.holder("box", "*", "2999-01-01T00:00:00", "me", "0123456789abcdef-the-rest"))
    store.save()
    assert "the-rest" not in store.file.read_text()
