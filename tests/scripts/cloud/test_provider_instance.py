"""The Instance: which calls it makes, in which order, and what it keeps when something goes wrong."""

from typing import Any

import pytest

from scripts.cloud.provider.errors import ProviderError, TimedOut, Unfinished
from scripts.cloud.provider.instance import Instance, body, wanted_status
from scripts.cloud.provider.values import Plain
from tests.scripts.cloud.provider_bodies import CONFIGS, DISKS, IPS, LINODE, deletion
from tests.scripts.cloud.scripted_api import ScriptedApi, listed, refusal

HERE = "/linode/instances/7"
READ = {
    f"GET {HERE}": [LINODE],
    f"GET {HERE}/ips": [IPS],
    f"GET {HERE}/disks": [DISKS],
    f"GET {HERE}/configs": [CONFIGS],
}
INPUTS: Plain = {"region": "us-ord", "type": "g6-nanode-1", "label": "box", "image": "linode/debian13"}
NO_CAPACITY = "The plan you chose is not currently available in the selected region."


def api(**answers: list[Any]) -> ScriptedApi:
    """answers: POST, PUT, DELETE, GET (of the Linode itself), events, event."""
    names = {
        "POST": "POST /linode/instances",
        "PUT": f"PUT {HERE}",
        "DELETE": f"DELETE {HERE}",
        "GET": f"GET {HERE}",
        "events": "GET /account/events",
        "event": "GET /account/events/2",
    }
    return ScriptedApi({**READ, **{names[name]: answer for name, answer in answers.items()}})


def test_a_create_makes_the_calls_of_the_real_provider() -> None:
    """As measured with provider 6.0.0."""
    cloud = api(POST=[LINODE | {"status": "provisioning"}])
    Instance().create(cloud, INPUTS, 5)
    assert cloud.calls == [
        "POST /linode/instances",
        f"GET {HERE}",
        f"GET {HERE}/ips",
        f"GET {HERE}/disks",
        f"GET {HERE}/configs",
    ]


def test_a_create_waits_until_the_linode_runs() -> None:
    booting = LINODE | {"status": "booting"}
    cloud = api(POST=[booting], GET=[booting, booting, LINODE])
    _, state = Instance().create(cloud, INPUTS, 5)
    assert (cloud.calls.count(f"GET {HERE}"), state["status"]) == (3, "running")


def test_lassie_is_put_off_right_after_the_create() -> None:
    """API v4 does not take it in a POST."""
    cloud = api(POST=[LINODE], PUT=[LINODE])
    Instance().create(cloud, INPUTS | {"watchdogEnabled": False}, 5)
    assert cloud.calls[:2] == ["POST /linode/instances", f"PUT {HERE}"]
    assert cloud.bodies[f"PUT {HERE}"] == {"watchdog_enabled": False}


def test_a_refused_create_says_why_and_keeps_nothing() -> None:
    with pytest.raises(ProviderError) as caught:
        Instance().create(api(POST=[refusal(403, NO_CAPACITY)]), INPUTS, 5)
    assert str(caught.value) == f"Error creating a Linode instance: [403] {NO_CAPACITY}"
    assert not isinstance(caught.value, Unfinished)


def test_a_linode_that_does_not_come_up_in_time_keeps_its_id() -> None:
    cloud = api(POST=[LINODE], GET=[LINODE | {"status": "booting"}])
    with pytest.raises(Unfinished) as caught:
        Instance().create(cloud, INPUTS, 0)
    assert (caught.value.resource_id, caught.value.state["ipv4s"]) == ("7", ["192.0.2.7"])
    assert str(caught.value) == f"Linode instance 7: {HERE} to be running: not within 0 s"


def test_a_create_that_is_called_off_keeps_its_id() -> None:
    """Ctrl-C while it boots: the engine calls off, and still stores what we know."""
    cloud = api(POST=[LINODE], GET=[LINODE | {"status": "booting"}])
    cloud.cancelled.set()
    with pytest.raises(Unfinished, match=r"^Linode instance 7: called off by the engine$"):
        Instance().create(cloud, INPUTS, 60)


def test_a_linode_whose_first_read_fails_keeps_its_id() -> None:
    with pytest.raises(Unfinished, match=r"^Linode instance 7: \[500\] Internal$"):
        Instance().create(api(POST=[LINODE], GET=[refusal(500, "Internal")]), INPUTS, 5)


def test_the_body_of_a_create_has_the_names_of_api_v4() -> None:
    given = {
        **INPUTS,
        "metadatas": [{"userData": "YQ=="}],
        "firewallId": 5,
        "authorizedKeys": ["ssh-ed25519 A"],
        "interfaceGeneration": "legacy_config",
        "backupsEnabled": False,
        "watchdogEnabled": True,
        "migrationType": "cold",
        "resizeDisk": False,
    }
    assert body(given) == {
        "region": "us-ord",
        "type": "g6-nanode-1",
        "label": "box",
        "image": "linode/debian13",
        "booted": True,
        "metadata": {"user_data": "YQ=="},
        "firewall_id": 5,
        "authorized_keys": ["ssh-ed25519 A"],
        "interface_generation": "legacy_config",
        "backups_enabled": False,
    }


@pytest.mark.parametrize(
    ("inputs", "status"),
    [(INPUTS, "running"), (INPUTS | {"booted": False}, "offline"), ({"region": "us-ord"}, "offline")],
    ids=["image", "not booted", "no image"],
)
def test_what_cannot_boot_is_waited_for_as_offline(inputs: Plain, status: str) -> None:
    assert wanted_status(inputs) == status


def test_a_read_gives_the_outputs_in_the_names_of_pulumi_linode() -> None:
    state = Instance().read(api(), "7") or {}
    assert state["ipv4s"] == ["192.0.2.7"]
    assert state["ipAddress"] == "192.0.2.7"
    assert state["specs"][0]["gpus"] == 0
    assert state["alerts"]["networkIn"] == 10
    assert state["backups"] == [{"enabled": False, "available": False, "schedules": [{"day": None, "window": None}]}]
    assert state["swapSize"] == 512
    assert (state["kernel"], state["bootConfigLabel"]) == ("linode/grub2", "My Debian 13 Disk Profile")


def test_a_read_is_silent_about_what_the_api_does_not_tell() -> None:
    """So these stay as the state has them."""
    state = Instance().read(api(), "7") or {}
    assert not {"metadatas", "authorizedKeys", "firewallId", "image", "rootPass"} & set(state)


def test_a_linode_that_is_not_found_is_gone() -> None:
    assert Instance().read(api(GET=[refusal(404, "Not found")]), "7") is None


@pytest.mark.parametrize("status", [401, 403, 500, 502])
def test_no_other_refusal_means_gone(status: int) -> None:
    with pytest.raises(ProviderError, match=rf"^\[{status}\] no$"):
        Instance().read(api(GET=[refusal(status, "no")]), "7")


def test_an_update_puts_only_what_changed() -> None:
    cloud = api(PUT=[LINODE])
    Instance().update(cloud, "7", frozenset(("label", "tags")), INPUTS | {"tags": ["a"]}, 5)
    assert cloud.bodies[f"PUT {HERE}"] == {"label": "box", "tags": ["a"]}


@pytest.mark.parametrize("name", ["type", "region", "backupsEnabled"])
def test_a_change_that_takes_more_than_a_put_is_refused_by_name(name: str) -> None:
    with pytest.raises(
        ProviderError, match=rf"cannot change {name} in place; name it in replace_on_changes, or use the"
    ):
        Instance().update(api(), "7", frozenset((name,)), INPUTS, 5)


def test_an_update_without_a_change_sees_a_start_through() -> None:
    """The engine asks for it when the creation ended with the wait timed out."""
    cloud = api(GET=[LINODE | {"status": "booting"}, LINODE])
    Instance().update(cloud, "7", frozenset(), INPUTS, 5)
    assert cloud.calls.count(f"GET {HERE}") == 3


def test_a_delete_waits_for_an_event_that_was_not_there_before() -> None:
    old, new = deletion(1), deletion(2, "started")
    cloud = api(events=[listed(old), listed(old), listed(new, old)], DELETE=[{}], event=[new, deletion(2)])
    Instance().delete(cloud, "7", {}, 5)
    assert cloud.calls == [
        "GET /account/events",
        f"DELETE {HERE}",
        "GET /account/events",
        "GET /account/events",
        "GET /account/events/2",
        "GET /account/events/2",
    ]


def test_a_delete_without_an_event_is_not_believed() -> None:
    with pytest.raises(TimedOut, match=r"^event linode_delete of Linode 7: not within 0 s$"):
        Instance().delete(api(events=[listed()], DELETE=[{}]), "7", {}, 0)


def test_a_failed_deletion_is_an_error() -> None:
    cloud = api(events=[listed(), listed(deletion(2))], DELETE=[{}], event=[deletion(2, "failed")])
    with pytest.raises(ProviderError, match=r"^event linode_delete of Linode 7: failed; no message$"):
        Instance().delete(cloud, "7", {}, 5)


def test_deleting_what_is_gone_is_an_error_as_with_the_real_provider() -> None:
    cloud = api(events=[listed()], DELETE=[refusal(404, "Not found")])
    with pytest.raises(ProviderError, match=r"^Error deleting Linode instance 7: \[404\] Not found$"):
        Instance().delete(cloud, "7", {}, 5)
