"""A link's rules as text; that the kernel holds them is shown in tests/e2e/test_boxes.py."""

from typing import Any

import pytest

from scripts.cloud import link
from scripts.cloud.link import Link

OWN = Link(box_id=12_345_678, subnet=8, api_port=4100)
SSH: dict[str, Any] = {
    "action": "ACCEPT",
    "protocol": "TCP",
    "ports": "22",
    "addresses": {"ipv4": ["203.0.113.0/24"]},
}


def test_the_second_address_of_a_subnet_is_this_machine_the_third_the_box() -> None:
    assert (OWN.host, OWN.box) == ("198.51.100.9", "198.51.100.10")


def test_the_longest_box_id_still_fits_an_interface_name() -> None:
    assert len(Link(99_999_999, 4, 1).name) < 16


def test_no_subnet_holds_the_address_of_the_api() -> None:
    assert link.SERVICE == "198.51.100.1"
    assert min(link.SUBNETS) > 1 and Link(1, max(link.SUBNETS), 1).box == "198.51.100.254"


def test_the_boxs_own_ipv6_address_is_not_the_metadata_services() -> None:
    assert OWN.box_6 == "fd00:a9fe:a9fe::a"
    assert link.METADATA_6 not in {Link(1, subnet, 1).box_6 for subnet in link.SUBNETS}


def test_a_new_link_lets_nothing_in_and_api_and_metadata_alone_out() -> None:
    text = link.table(OWN)
    assert "chain inbound { drop; }" in text
    assert 'iifname "ve-dbx12345678" ip daddr 198.51.100.1 tcp dport 4100 dnat ip to 127.0.0.1:4100' in text
    assert 'iifname "ve-dbx12345678" ip6 daddr fd00:a9fe:a9fe::1 tcp dport 80 accept' in text
    assert text.count("drop") == 4


def test_rules_are_replaced_in_one_step_and_end_in_the_policy() -> None:
    assert link.inbound(7, [SSH], "DROP") == (
        "flush chain inet daybox_7 inbound\n"
        "add rule inet daybox_7 inbound ip saddr 203.0.113.0/24 tcp dport 22 accept\n"
        "add rule inet daybox_7 inbound drop\n"
    )


@pytest.mark.parametrize(
    ("change", "lines"),
    [
        ({"ports": "22, 8000-9000"}, ["tcp dport 22 accept", "tcp dport 8000-9000 accept"]),
        ({"ports": None}, ["tcp dport 1-65535 accept"]),
        ({"protocol": "UDP", "action": "DROP"}, ["udp dport 22 drop"]),
        ({"protocol": "ICMP", "ports": None}, ["ip protocol icmp accept"]),
        ({"protocol": "IPENCAP", "ports": None}, ["ip protocol 4 accept"]),
    ],
    ids=["list of ports", "all ports", "drop", "icmp", "ipencap"],
)
def test_a_linode_rule_in_nftables_words(change: dict[str, Any], lines: list[str]) -> None:
    assert list(link.rule_lines(SSH | change)) == [f"ip saddr 203.0.113.0/24 {line}" for line in lines]


@pytest.mark.parametrize(
    ("given", "held"),
    [("203.0.113.9", "203.0.113.9/32"), ("203.0.113.9/24", "203.0.113.0/24"), ("0.0.0.0/0", "0.0.0.0/0")],
)
def test_an_address_is_held_as_a_network(given: str, held: str) -> None:
    assert next(link.rule_lines(SSH | {"addresses": {"ipv4": [given]}})).startswith(f"ip saddr {held} ")


@pytest.mark.parametrize("addresses", [None, {}, {"ipv4": None}, {"ipv6": ["::/0"]}])
def test_a_rule_without_ipv4_addresses_lets_nobody_in(addresses: object) -> None:
    assert list(link.rule_lines(SSH | {"addresses": addresses})) == []


def test_taken_subnets_are_read_from_the_kernels_list_of_chains() -> None:
    chains = (
        "table inet daybox_1 {\n\tchain subnet_4 {\n\t}\n\tchain api {\n\t}\n}\n"
        "table ip nat {\n\tchain DOCKER {\n\t}\n}\n"
    )
    assert link.taken(chains + "table inet daybox_2 {\n\tchain subnet_252 {\n\t}\n}\n") == {4, 252}
