"""Box: what goes out as stack outputs comes back the same."""

import json
from typing import Any

import pytest

from stacks.box import Box

VALUES: dict[str, Any] = {
    "stack": "coder-32b",
    "lease": "20261121t090000z-ab12",
    "cloud": "linode",
    "api_url": "https://api.linode.com",
    "instance_id": 7,
    "address": "192.0.2.1",
    "region": "us-ord",
    "plan": "g2-gpu-rtx4000a2-s",
    "usd_per_hour": 1.05,
    "price_source": "api.linode.com 2026-11-21",
    "model": "qwen2.5-coder-32b",
    "served_name": "daybox-qwen2.5-coder-32b",
    "port": 18123,
    "dies_at": "2026-11-21T19:00:00Z",
    "idle_minutes": 30,
    "host_key": "ssh-ed25519 AAAA",
    "bundle_sha256": "00ff",
    "login_key": "/keys/login_ed25519",
    "webui": True,
    "architect_name": "daybox-qwen3.8-27b",
}


def test_a_box_survives_the_way_through_pulumi() -> None:
    through_pulumi = json.loads(json.dumps(Box.to_outputs(**VALUES)))
    assert Box.from_outputs(through_pulumi) == Box(**VALUES)


def test_an_id_that_pulumi_made_text_is_a_number_again() -> None:
    assert Box.from_outputs(Box.to_outputs(**VALUES | {"instance_id": "7"})).instance_id == 7


def test_a_forgotten_output_is_found_when_it_is_written_not_when_it_is_read() -> None:
    with pytest.raises(TypeError, match="lease missing"):
        Box.to_outputs(**{name: value for name, value in VALUES.items() if name != "lease"})


def test_a_box_of_an_older_checkout_is_still_found_after_a_git_pull() -> None:
    outputs = Box.to_outputs(**VALUES)
    del outputs["webui"], outputs["architectName"]
    box = Box.from_outputs(outputs)
    assert (box.webui, box.architect_name) == (False, "")


def test_a_stack_that_is_not_up_has_no_box() -> None:
    with pytest.raises(KeyError):
        Box.from_outputs({})
