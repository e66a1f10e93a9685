import base64
from collections.abc import Iterator

import pytest

from scripts.cloud import limits
from scripts.cloud.replies import Json

RULES: Json = {"inbound": [], "inbound_policy": "DROP", "outbound": None, "outbound_policy": "ACCEPT"}
RULE: Json = {
    "action": "ACCEPT",
    "label": "ssh",
    "ports": "22",
    "protocol": "TCP",
    "addresses": {"ipv4": ["203.0.113.9/32"]},
}


def fields(faults: Iterator[Json]) -> list[str]:
    return [fault.get("field", "") for fault in faults]


@pytest.mark.parametrize("label", ["abc", "daybox-coder-32b", "a.b_c-d", "a" * 64])
def test_a_label_that_is_in_order(label: str) -> None:
    assert fields(limits.label_faults(label, limits.INSTANCE_LABEL, set(), "linodes")) == []


@pytest.mark.parametrize("label", ["ab", "a" * 65, "a--b", "-abc", "abc-", "a b c", None])
def test_a_label_that_is_not(label: str | None) -> None:
    assert set(fields(limits.label_faults(label, limits.INSTANCE_LABEL, set(), "linodes"))) == {"label"}


def test_a_label_twice_is_named_as_the_api_names_it() -> None:
    faults = list(limits.label_faults("abc", limits.FIREWALL_LABEL, {"abc"}, "Cloud Firewalls"))
    assert faults == [{"reason": "Label must be unique among your Cloud Firewalls", "field": "label"}]


@pytest.mark.parametrize(("tag", "is_right"), [("abc", True), ("a" * 50, True), ("ab", False), ("a" * 51, False)])
def test_tags_have_3_to_50_characters(tag: str, is_right: bool) -> None:
    assert fields(limits.tag_faults([tag])) == ([] if is_right else ["tags"])


@pytest.mark.parametrize(("raw_bytes", "is_right"), [(12_288, True), (12_289, False)])
def test_user_data_may_have_16_kib_in_base64(raw_bytes: int, is_right: bool) -> None:
    metadata = {"user_data": base64.b64encode(b"x" * raw_bytes).decode()}
    assert fields(limits.user_data_faults(metadata)) == ([] if is_right else ["metadata.user_data"])


def test_user_data_that_is_not_base64_is_refused() -> None:
    assert fields(limits.user_data_faults({"user_data": "#cloud-config"})) == ["metadata.user_data"]


def test_an_image_that_nobody_may_log_in_to_is_refused() -> None:
    (fault,) = limits.login_faults({"image": "linode/debian13"})
    assert fault == {"reason": "Must provide valid root_pass, authorized_keys, or authorized_users"}


def test_a_key_that_is_none_is_refused_by_its_number() -> None:
    (fault,) = limits.login_faults({"image": "i", "authorized_keys": ["ssh-ed25519 AAAA me", "hello"]})
    assert fault["reason"].startswith("SSH Key 2 invalid")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"action": "REJECT"}, "action"),
        ({"protocol": "HTTP"}, "protocol"),
        ({"label": "x"}, "label"),
        ({"ports": "0-70000"}, "ports"),
        ({"ports": "ssh"}, "ports"),
        ({"protocol": "ICMP"}, "ports"),
        ({"addresses": {"ipv4": ["203.0.113.9"]}}, "addresses.ipv4[0]"),
        ({"addresses": {"ipv4": ["::/0"]}}, "addresses.ipv4[0]"),
        ({"addresses": {"ipv6": ["hello/8"]}}, "addresses.ipv6[0]"),
    ],
)
def test_a_bad_rule_is_refused_by_its_place(change: Json, field: str) -> None:
    assert fields(limits.rules_faults(RULES | {"inbound": [RULE, RULE | change]})) == [f"rules.inbound[1].{field}"]


@pytest.mark.parametrize("ports", ["22", "22, 80", "22-24,8000", "65535"])
def test_ports_may_be_lists_and_ranges(ports: str) -> None:
    assert fields(limits.rules_faults(RULES | {"inbound": [RULE | {"ports": ports}]})) == []


def test_rules_without_policies_name_both() -> None:
    assert fields(limits.rules_faults({})) == ["rules.inbound_policy", "rules.outbound_policy"]
