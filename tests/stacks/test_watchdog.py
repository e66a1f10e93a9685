"""The Watchdog resource: what re-arms, and what becomes of a box that cannot be armed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stacks import ledger, watchdog
from stacks.account import utc
from stacks.errors import BoxError, NotReadyError
from stacks.ssh import Target
from stacks.watchdog import INPUTS, WatchdogProvider, given_back, key_file, limits
from tests.cloud import TOKEN, Cloud
from tests.stacks.test_receipt import ENTRY

PROPS: dict[str, Any] = {
    "stack": "local",
    "lease": "20261121t090000z-ab12",
    "instance_id": "7",
    "address": "198.51.100.6",
    "api_url": "http://127.0.0.1:1",
    "box_api_url": "http://198.51.100.1:1",
    "cloud_token": TOKEN,
    "login_key": "/keys/login",
    "first_host_key": "ssh-ed25519 FIRST",
    "ends": [[2.0, "the lease has ended"]],
    "idle_minutes": 30.0,
    "ready_minutes": 60.0,
    "self_destruct": True,
    "program_sha256": "00",
    "tags": ["daybox"],
    "hour_seconds": 3600.0,
    "token": "boxes-own",
    "webhook_url": "",
    "ntfy_url": "",
}


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


def test_these_props_are_all_inputs() -> None:
    assert set(PROPS) == set(INPUTS)


@pytest.mark.parametrize("name", sorted(set(INPUTS) - {"login_key"}))
def test_a_change_of_any_input_arms_again_in_place(name: str) -> None:
    changed = WatchdogProvider().diff("id", PROPS, PROPS | {name: "other"})
    assert changed.changes and not changed.replaces


def test_nothing_changed_is_nothing_to_do() -> None:
    assert not WatchdogProvider().diff("id", PROPS | {"host_key": "ssh-ed25519 OWN"}, PROPS).changes


def test_the_box_gets_the_api_as_it_reaches_it_and_its_own_age(cloud: Cloud) -> None:
    """Its own, not the lease's: a box that took another's place would else be late on its first day."""
    row = cloud.create("daybox-aged")
    given = limits(PROPS | {"api_url": cloud.url, "instance_id": str(row["id"])})
    assert (given.api_url, given.instance_id) == ("http://198.51.100.1:1", row["id"])
    assert given.created_at == utc(row["created"]).timestamp()


def test_deleting_the_resource_reaches_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called when the box has vanished first; anything it tried would make `destroy` fail for ever."""
    monkeypatch.setattr(watchdog, "Account", None)
    WatchdogProvider().delete("id", PROPS)


def never_armed(*_: object, **__: object) -> str:
    """In the place of `arm`."""
    raise NotReadyError("box: not reached, for 600 s", hint="compare sshFrom")


def test_a_new_box_that_cannot_be_armed_is_deleted_and_the_error_says_so(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = cloud.create("daybox-local")["id"]

    monkeypatch.setattr(watchdog, "arm", never_armed)
    with pytest.raises(Exception, match="was given back because nothing could have stopped it"):
        WatchdogProvider().create(PROPS | {"api_url": cloud.url, "instance_id": str(box)})
    assert box not in [row["id"] for row in cloud.json("GET", "/linode/instances")["data"]]


def test_a_box_that_can_neither_be_armed_nor_deleted_says_that_it_bills(cloud: Cloud) -> None:
    box = cloud.create("daybox-stuck")["id"]
    cloud.fault("expired-token", "DELETE", f"^/v4/linode/instances/{box}$", times=None)
    error = given_back(PROPS | {"api_url": cloud.url, "instance_id": str(box)}, BoxError("box: silent", hint="wait"))
    cloud.clear_faults()
    assert "could not be deleted" in error.fact
    assert error.hint.startswith("IT BILLS: fab sweep --stack local")


def test_the_way_out_never_leads_to_a_box_that_is_no_more(cloud: Cloud) -> None:
    box = cloud.create("daybox-unproved")["id"]
    refused = BoxError("box: its token is refused", hint="see `fab logs --of watchdog`")
    error = given_back(PROPS | {"api_url": cloud.url, "instance_id": str(box)}, refused)
    assert error.hint.endswith("was given back because nothing could have stopped it; run `pulumi up` again")


def test_a_box_that_took_anothers_place_is_as_new_as_in_create(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that vanished leaves the resource behind, so the next one arrives as an update: unarmed, it must go."""
    box = cloud.create("daybox-second")["id"]

    monkeypatch.setattr(watchdog, "arm", never_armed)
    new = PROPS | {"api_url": cloud.url, "instance_id": str(box)}
    with pytest.raises(Exception, match="was given back"):
        WatchdogProvider().update("id", PROPS | {"host_key": "ssh-ed25519 OLD"}, new)
    assert box not in [row["id"] for row in cloud.json("GET", "/linode/instances")["data"]]


def test_a_fault_of_ours_gives_the_box_back_too(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    box = cloud.create("daybox-faulty")["id"]

    def broken(*_: object, **__: object) -> str:
        raise OSError("no space left on this laptop")

    monkeypatch.setattr(watchdog, "arm", broken)
    with pytest.raises(Exception, match=r"no space left on this laptop; box .* was given back"):
        WatchdogProvider().create(PROPS | {"api_url": cloud.url, "instance_id": str(box)})
    assert box not in [row["id"] for row in cloud.json("GET", "/linode/instances")["data"]]


def test_the_key_of_first_contact_is_trusted_only_at_first_contact(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = cloud.create("daybox-known")["id"]
    trusted: list[tuple[str, ...]] = []

    def arm(target: Target, *_: object, **__: object) -> str:
        trusted.append(target.host_keys)
        return "ssh-ed25519 OWN"

    monkeypatch.setattr(watchdog, "arm", arm)
    new = PROPS | {"api_url": cloud.url, "instance_id": str(box)}
    WatchdogProvider().create(new)
    WatchdogProvider().update("id", new | {"host_key": "ssh-ed25519 OWN"}, new)
    assert trusted == [("ssh-ed25519 FIRST",), ("ssh-ed25519 OWN",)]


def test_an_update_that_fails_leaves_the_box_alone(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its old token and limits still hold."""
    box = cloud.create("daybox-armed")["id"]

    monkeypatch.setattr(watchdog, "arm", never_armed)
    new = PROPS | {"api_url": cloud.url, "instance_id": str(box)}
    with pytest.raises(Exception, match="not reached"):
        WatchdogProvider().update("id", new | {"host_key": "ssh-ed25519 OWN"}, new)
    assert box in [row["id"] for row in cloud.json("GET", "/linode/instances")["data"]]


def test_which_box_was_armed_is_noted_and_not_only_that_one_was(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep judges each box of the lease by itself."""
    monkeypatch.setattr(watchdog, "arm", lambda *_, **__: "ssh-ed25519 OWN")
    box = cloud.create("daybox-noted")["id"]
    ledger.write(replace(ENTRY, lease=PROPS["lease"]))
    WatchdogProvider().create(PROPS | {"api_url": cloud.url, "instance_id": str(box)})
    found = ledger.read(PROPS["lease"])
    assert found and found.armed == (box,)


def test_the_boxes_own_key_is_noted_before_it_is_used() -> None:
    watchdog.remember_key(PROPS, "ssh-ed25519 OWN")
    assert watchdog.remembered_key(PROPS) == "ssh-ed25519 OWN"
    assert key_file(PROPS).stat().st_mode & 0o777 == 0o600


def test_the_note_of_a_box_that_is_no_more_goes_when_the_next_one_is_made() -> None:
    watchdog.remember_key(PROPS, "ssh-ed25519 OLD")
    newer = PROPS | {"instance_id": str(int(PROPS["instance_id"]) + 1)}
    watchdog.remember_key(newer, "ssh-ed25519 NEW")
    assert (watchdog.remembered_key(PROPS), watchdog.remembered_key(newer)) == ("", "ssh-ed25519 NEW")
