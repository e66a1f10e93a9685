"""The box can end itself, and will when it was declared to."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from testinfra.host import Host

from stacks.arming import PROVE
from tests.host.facts import Facts

LIMITS = "/etc/daybox/watchdog.json"


@pytest.fixture
def limits(host: Host) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.file(LIMITS).content_string)
    return found


def test_its_timer_runs_and_comes_back_after_a_reboot(host: Host) -> None:
    timer = host.service("daybox-watchdog.timer")
    assert timer.is_running and timer.is_enabled


def test_it_says_that_it_is_armed(host: Host, facts: Facts) -> None:
    said = json.loads(host.check_output("/opt/daybox/bin/watchdog --status"))
    assert said["armed"] is facts.self_destruct, said["why"]


def test_it_can_read_its_own_instance_with_its_token(host: Host, facts: Facts) -> None:
    if not facts.self_destruct:
        pytest.skip("selfDestruct is false: it has no token")
    assert json.loads(host.check_output(PROVE))["id"] == facts.instance_id


@pytest.mark.parametrize("name", ["instance_id", "lease", "idle_minutes", "ready_minutes", "self_destruct"])
def test_its_limit_is_the_declared(limits: dict[str, Any], facts: Facts, name: str) -> None:
    assert limits[name] == getattr(facts, name)


def test_its_hard_end_is_the_declared(limits: dict[str, Any], facts: Facts) -> None:
    declared = datetime.strptime(facts.dies_at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    assert abs(min(at for at, _ in limits["ends"]) - declared) < 1


def test_its_api_is_the_clouds(limits: dict[str, Any], facts: Facts) -> None:
    assert limits["api_url"] == facts.box_api_url
