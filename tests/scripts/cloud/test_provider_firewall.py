"""The Firewall: its calls, and its rules in both directions."""

import pytest

from scripts.cloud.provider.errors import ProviderError, Unfinished
from scripts.cloud.provider.firewall import RULES as RULE_INPUTS
from scripts.cloud.provider.firewall import Firewall, governed, policy, rules_body
from scripts.cloud.provider.values import Plain
from tests.scripts.cloud.provider_bodies import DEVICES, FIREWALL, RULES
from tests.scripts.cloud.scripted_api import ScriptedApi, listed, refusal

HERE = "/networking/firewalls/5"
READ = {f"GET {HERE}": [FIREWALL], f"GET {HERE}/rules": [RULES], f"GET {HERE}/devices": [DEVICES]}
RULE: Plain = {"action": "ACCEPT", "label": "ssh", "protocol": "TCP", "ports": "22", "ipv4s": ["203.0.113.9/32"]}
INPUTS: Plain = {"label": "wall", "inboundPolicy": "DROP", "outboundPolicy": "ACCEPT", "inbounds": [RULE]}


def test_a_create_makes_the_calls_of_the_real_provider() -> None:
    """As measured with provider 6.0.0."""
    api = ScriptedApi(READ | {"POST /networking/firewalls": [FIREWALL]})
    Firewall().create(api, INPUTS, 5)
    assert api.calls == ["POST /networking/firewalls", f"GET {HERE}/rules", f"GET {HERE}/devices"]


def test_a_disabled_firewall_is_put_off_right_after_the_create() -> None:
    api = ScriptedApi(READ | {"POST /networking/firewalls": [FIREWALL], f"PUT {HERE}": [FIREWALL]})
    Firewall().create(api, INPUTS | {"disabled": True}, 5)
    assert api.bodies[f"PUT {HERE}"] == {"status": "disabled"}


def test_a_firewall_whose_first_read_fails_keeps_its_id() -> None:
    api = ScriptedApi({"POST /networking/firewalls": [FIREWALL], f"GET {HERE}/rules": [refusal(500, "Internal")]})
    with pytest.raises(Unfinished, match=r"^firewall 5: \[500\] Internal$"):
        Firewall().create(api, INPUTS, 5)


def test_rules_go_to_the_api_with_their_addresses_by_family() -> None:
    assert rules_body(INPUTS) == {
        "inbound": [
            {
                "action": "ACCEPT",
                "label": "ssh",
                "protocol": "TCP",
                "ports": "22",
                "addresses": {"ipv4": ["203.0.113.9/32"]},
            }
        ],
        "inbound_policy": "DROP",
        "outbound": [],
        "outbound_policy": "ACCEPT",
    }


def test_rules_come_back_as_they_went() -> None:
    assert policy(RULES)["inbounds"] == [RULE]


def test_no_outbound_rules_are_an_empty_list_although_the_api_says_null() -> None:
    assert policy(RULES)["outbounds"] == []


def test_what_the_firewall_governs_is_told_by_kind() -> None:
    told = governed(DEVICES["data"])
    assert (told["linodes"], told["nodebalancers"], told["interfaces"]) == ([7], [], [])
    assert told["devices"] == [
        {"id": 9, "entityId": 7, "type": "linode", "label": "box", "url": "/v4/linode/instances/7"}
    ]


@pytest.mark.parametrize(
    ("changed", "calls"),
    [
        (frozenset(("label",)), [f"PUT {HERE}"]),
        (frozenset(("disabled", "tags")), [f"PUT {HERE}"]),
        (frozenset(("inbounds",)), [f"PUT {HERE}/rules"]),
        (RULE_INPUTS | {"label"}, [f"PUT {HERE}", f"PUT {HERE}/rules"]),
    ],
    ids=["label", "disabled", "rules", "both"],
)
def test_an_update_puts_the_firewall_or_its_rules_or_both(changed: frozenset[str], calls: list[str]) -> None:
    api = ScriptedApi(READ | {f"PUT {HERE}": [FIREWALL], f"PUT {HERE}/rules": [RULES]})
    Firewall().update(api, "5", changed, INPUTS, 5)
    assert [call for call in api.calls if call.startswith("PUT")] == calls


def test_deleting_what_is_gone_is_an_error_as_with_the_real_provider() -> None:
    api = ScriptedApi({f"DELETE {HERE}": [refusal(404, "Not found")]})
    with pytest.raises(ProviderError, match=r"^Error deleting firewall 5: \[404\] Not found$"):
        Firewall().delete(api, "5", {}, 5)


def test_a_read_asks_for_rules_before_devices() -> None:
    api = ScriptedApi(READ | {f"GET {HERE}/devices": [listed()]})
    Firewall().read(api, "5")
    assert api.calls == [f"GET {HERE}", f"GET {HERE}/rules", f"GET {HERE}/devices"]
