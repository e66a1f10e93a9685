"""The engine's requests and our answers: previews, secrets, refreshes, and what is kept of a state."""

import asyncio

import pytest
from pulumi.provider.experimental import provider as engine
from pulumi.provider.experimental.property_value import PropertyValue

from scripts.cloud.provider.errors import InitFailure, ProviderError
from scripts.cloud.provider.instance import Instance
from scripts.cloud.provider.provider import LinodeProvider, expected, kept, merged, resource
from scripts.cloud.provider.token import Token
from scripts.cloud.provider.values import UNKNOWN, Values, plain, plain_members, wrap
from tests.scripts.cloud.provider_bodies import CONFIGS, DISKS, IPS, LINODE
from tests.scripts.cloud.scripted_api import ScriptedApi, refusal

SCHEMA = Instance.schema
URN = f"urn:pulumi:s::p::{SCHEMA.token}::box"
SECRET = PropertyValue([wrap({"userData": "c2VjcmV0"})], is_secret=True)
INPUTS: Values = {
    **{name: wrap(value) for name, value in {"region": "us-ord", "type": "g6-nanode-1", "image": "i"}.items()},
    "label": wrap("box"),
    "tags": wrap(["daybox"]),
    "metadatas": SECRET,
}
READ = {
    "GET /linode/instances/7": [LINODE],
    "GET /linode/instances/7/ips": [IPS],
    "GET /linode/instances/7/disks": [DISKS],
    "GET /linode/instances/7/configs": [CONFIGS],
}


def provider(api: ScriptedApi) -> LinodeProvider:
    made = LinodeProvider()
    made.api = api
    return made


def test_a_preview_of_a_create_asks_nobody() -> None:
    request = engine.CreateRequest(URN, INPUTS, timeout=0, preview=True)
    answer = asyncio.run(provider(ScriptedApi({})).create(request))
    assert answer.resource_id == ""  # to the engine: not known yet


def test_a_preview_of_a_create_knows_the_inputs_and_that_the_rest_is_unknown() -> None:
    outputs = plain_members(expected(SCHEMA, INPUTS))
    assert (outputs["label"], outputs["ipv4s"], outputs["status"], outputs["swapSize"]) == (
        "box",
        UNKNOWN,
        UNKNOWN,
        UNKNOWN,
    )
    assert {"rootPass", "firewallId"} & set(outputs) == set()  # not given, and nobody fills them in


def test_a_tokens_value_is_secret_before_it_is_known() -> None:
    assert expected(Token.schema, {})["token"].is_secret


def test_what_was_given_as_a_secret_comes_back_as_one() -> None:
    api = ScriptedApi(READ | {"POST /linode/instances": [LINODE]})
    answer = asyncio.run(provider(api).create(engine.CreateRequest(URN, INPUTS, timeout=0, preview=False)))
    assert answer.properties["metadatas"] == SECRET
    assert answer.properties["ipv4s"] == wrap(["192.0.2.7"])


def test_a_creation_that_was_not_seen_through_is_kept_with_its_secrets() -> None:
    api = ScriptedApi({"POST /linode/instances": [LINODE], "GET /linode/instances/7": [refusal(500, "Internal")]})
    with pytest.raises(InitFailure) as caught:
        asyncio.run(provider(api).create(engine.CreateRequest(URN, INPUTS, timeout=0, preview=False)))
    assert caught.value.resource_id == "7"
    assert caught.value.properties["metadatas"].is_secret and caught.value.inputs == INPUTS


def test_a_secret_stays_one_when_its_value_changes_behind_our_back() -> None:
    known = {"label": PropertyValue("old", is_secret=True)}
    assert merged(SCHEMA, known, {"label": "new"})["label"] == PropertyValue("new", is_secret=True)


def test_a_value_that_means_the_same_keeps_the_programs_spelling() -> None:
    known = {"tags": wrap(["b", "a"])}
    assert merged(SCHEMA, known, {"tags": ["a", "b"]}) == known


def test_what_the_api_no_longer_tells_leaves_the_state() -> None:
    assert merged(SCHEMA, {"ipAddress": wrap("192.0.2.7")}, {"ipAddress": None}) == {}


def test_an_update_forgets_inputs_that_the_program_no_longer_gives() -> None:
    state = {"image": wrap("i"), "label": wrap("box"), "status": wrap("running")}
    assert set(kept(SCHEMA, state)) == {"label", "status"}  # the API has a label of its own for who gives none


def test_a_refresh_brings_a_change_made_elsewhere_into_state_and_inputs() -> None:
    """So that the next `up` undoes it, unless the program ignores it."""
    api = ScriptedApi(READ | {"GET /linode/instances/7": [LINODE | {"tags": ["daybox", "more"]}]})
    request = engine.ReadRequest(URN, "7", properties=INPUTS, inputs=INPUTS)
    answer = asyncio.run(provider(api).read(request))
    assert plain(answer.properties["tags"]) == plain(answer.inputs["tags"]) == ["daybox", "more"]
    assert answer.inputs["metadatas"] == SECRET
    assert set(answer.inputs) == set(INPUTS)


def test_a_refresh_of_what_is_gone_answers_with_an_empty_id() -> None:
    api = ScriptedApi({"GET /linode/instances/7": [refusal(404, "Not found")]})
    answer = asyncio.run(provider(api).read(engine.ReadRequest(URN, "7", properties=INPUTS, inputs=INPUTS)))
    assert answer.resource_id == ""


def test_an_import_takes_its_inputs_from_the_api() -> None:
    answer = asyncio.run(provider(ScriptedApi(READ)).read(engine.ReadRequest(URN, "7", properties={}, inputs={})))
    assert plain(answer.inputs["region"]) == "us-ord"
    assert "status" not in answer.inputs


def test_a_preview_of_an_update_asks_nobody_and_knows_the_rest_already() -> None:
    olds = INPUTS | {"status": wrap("running")}
    request = engine.UpdateRequest(URN, "7", olds, INPUTS | {"label": wrap("new")}, 0, [], preview=True)
    answer = asyncio.run(provider(ScriptedApi({})).update(request))
    assert (plain(answer.properties["label"]), plain(answer.properties["status"])) == ("new", "running")


def test_a_resource_that_the_stand_in_does_not_know_is_refused_by_name() -> None:
    with pytest.raises(
        ProviderError, match=r"^linode:index/domain:Domain: .* serves Firewall, Instance, Token, Volume only; "
    ):
        resource("linode:index/domain:Domain")


def test_a_child_of_a_component_is_known_by_its_own_type() -> None:
    """Its URN names the types of its parents first: `daybox:stacks:Workstation$linode:index/token:Token`."""
    assert resource(f"daybox:stacks:Workstation${Token.schema.token}").schema is Token.schema


def test_getters_are_refused_with_another_way() -> None:
    request = engine.InvokeRequest("linode:index/getInstanceType:getInstanceType", {})
    with pytest.raises(ProviderError, match="has no getters; ask the API directly"):
        asyncio.run(LinodeProvider().invoke(request))
