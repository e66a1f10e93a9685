"""The Token: its value is told once, and its expiry has two spellings."""

import pytest

from scripts.cloud.provider.errors import ProviderError
from scripts.cloud.provider.token import Token, body
from scripts.cloud.provider.values import Plain
from tests.scripts.cloud.provider_bodies import TOKEN
from tests.scripts.cloud.scripted_api import ScriptedApi, refusal

INPUTS: Plain = {"label": "key", "scopes": "linodes:read_write", "expiry": "2030-01-01T01:00:00+01:00"}


def test_the_expiry_goes_to_the_api_in_utc_without_a_zone() -> None:
    assert body(INPUTS) == {"label": "key", "scopes": "linodes:read_write", "expiry": "2030-01-01T00:00:00"}


def test_no_expiry_is_none() -> None:
    assert body({"scopes": "*"}) == {"scopes": "*"}


def test_a_create_keeps_the_value() -> None:
    created = Token().create(ScriptedApi({"POST /profile/tokens": [TOKEN]}), INPUTS, 5)
    assert (created[0], created[1]["token"]) == ("4", TOKEN["token"])


def test_a_read_says_nothing_of_the_value() -> None:
    """A GET tells the first 16 characters; the state knows all of them."""
    shortened = TOKEN | {"token": TOKEN["token"][:16]}
    assert "token" not in (Token().read(ScriptedApi({"GET /profile/tokens/4": [shortened]}), "4") or {})


def test_a_token_revoked_by_hand_is_gone() -> None:
    assert Token().read(ScriptedApi({"GET /profile/tokens/4": [refusal(404, "Not found")]}), "4") is None


def test_an_update_puts_the_label() -> None:
    api = ScriptedApi({"PUT /profile/tokens/4": [TOKEN], "GET /profile/tokens/4": [TOKEN]})
    Token().update(api, "4", frozenset(("label",)), INPUTS, 5)
    assert api.bodies["PUT /profile/tokens/4"] == {"label": "key"}


def test_a_token_may_be_gone_before_its_delete() -> None:
    Token().delete(ScriptedApi({"DELETE /profile/tokens/4": [refusal(404, "Not found")]}), "4", {}, 5)


def test_no_other_refusal_of_a_delete_is_tolerated() -> None:
    api = ScriptedApi({"DELETE /profile/tokens/4": [refusal(403, "Your OAuth token is not authorized")]})
    with pytest.raises(ProviderError, match=r"^Error deleting token 4: \[403\] Your OAuth token is not authorized$"):
        Token().delete(api, "4", {}, 5)


def test_a_token_without_expiry_has_none_although_the_api_names_a_far_day() -> None:
    endless = TOKEN | {"expiry": "2999-12-12T05:00:00"}
    assert (Token().read(ScriptedApi({"GET /profile/tokens/4": [endless]}), "4") or {})["expiry"] is None
