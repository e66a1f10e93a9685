"""What a box finds on its disk."""

import configparser
from pathlib import Path

import pytest
import yaml

from scripts.cloud import seed
from scripts.cloud.link import Link

OWN = Link(box_id=12_345_678, subnet=4, api_port=4100)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    seed.plant(tmp_path, link=OWN, label="a-box", user_data=b"\x1f\x8bzip", authorized_keys=["ssh-ed25519 AAAA me\n"])
    return tmp_path


def test_user_data_is_left_as_it_came(root: Path) -> None:
    assert (root / seed.SEED / "user-data").read_bytes() == b"\x1f\x8bzip"


def test_meta_data_names_this_box_so_that_every_box_has_a_first_boot(root: Path) -> None:
    facts = yaml.safe_load((root / seed.SEED / "meta-data").read_text())
    assert facts == {"instance-id": "daybox-12345678", "local-hostname": "a-box"}


def test_root_has_the_keys_of_the_call_and_nobody_else_reads_them(root: Path) -> None:
    keys = root / seed.KEYS
    assert keys.read_text() == "ssh-ed25519 AAAA me\n"
    assert (keys.stat().st_mode & 0o777, keys.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_box_has_its_addresses_and_routes_to_the_api_and_the_metadata_alone(root: Path) -> None:
    """A section a block: systemd lets one stand there several times, no parser of Python's does."""
    blocks = [configparser.ConfigParser() for _ in (root / seed.NETWORK).read_text().split("\n\n")]
    for parser, block in zip(blocks, (root / seed.NETWORK).read_text().split("\n\n"), strict=True):
        parser.read_string(block)
    network, address, *routes = (parser[parser.sections()[0]] for parser in blocks[1:])
    assert network["Address"] == "198.51.100.6/30" and "Gateway" not in network
    assert address["Address"] == "fd00:a9fe:a9fe::6/128"
    assert [dict(route) for route in routes] == [
        {"destination": "198.51.100.1/32", "gateway": "198.51.100.5"},
        {"destination": "169.254.169.254/32", "gateway": "198.51.100.5"},
        {"destination": "fd00:a9fe:a9fe::1/128"},
    ]
