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


def test_the_box_has_its_address_and_a_route_to_the_api_alone(root: Path) -> None:
    unit = configparser.ConfigParser()
    unit.read(root / seed.NETWORK)
    assert unit["Network"]["Address"] == "198.51.100.6/30"
    assert dict(unit["Route"]) == {"destination": "198.51.100.1/32", "gateway": "198.51.100.5"}
    assert "Gateway" not in unit["Network"]
