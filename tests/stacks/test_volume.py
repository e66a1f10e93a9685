"""The Volume resource against the API double: one volume a stack, whatever happened before."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stacks import volume
from stacks.account import Account
from stacks.errors import CloudError, DayboxError
from stacks.volume import VolumeProvider, held
from tests.cloud import TOKEN, Cloud, start_cloud

TAGS = ["daybox", "daybox-owner-me", "daybox-stack-local", "daybox-until-20270101t000000z"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr("stacks.account.RETRIES", 1)  # an account that is gone does not come back here


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    running = start_cloud(tmp_path)
    yield running
    running.stop()


def props(cloud: Cloud, box: int, **changes: object) -> dict[str, Any]:
    """The resource's inputs as Pulumi hands them over: its numbers are floats, an id is text."""
    return {
        "stack": "local",
        "label": "daybox-local",
        "region": "local",
        "size_gib": 10.0,
        "usd_per_month": 1.0,
        "tags": TAGS,
        "instance_id": str(box),
        "api_url": cloud.url,
        "cloud_token": TOKEN,
        **changes,
    }


def volumes(cloud: Cloud) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = cloud.json("GET", "/volumes")["data"]
    return rows


def hold(cloud: Cloud, box: int, **changes: object) -> dict[str, Any]:
    return held(Account(cloud.url, TOKEN), props(cloud, box, **changes))


def test_it_is_made_tagged_and_attached(cloud: Cloud) -> None:
    box = cloud.create("daybox-local")["id"]
    row = hold(cloud, box)
    assert (row["linode_id"], row["size"], row["tags"], row["status"]) == (box, 10, TAGS, "active")


def test_to_hold_it_again_asks_for_nothing_to_be_changed(cloud: Cloud) -> None:
    box = cloud.create("daybox-local")["id"]
    first, before = hold(cloud, box), len(cloud.requests("POST")) + len(cloud.requests("PUT"))
    assert hold(cloud, box)["id"] == first["id"]
    assert len(cloud.requests("POST")) + len(cloud.requests("PUT")) == before


def test_the_next_box_gets_the_same_one_with_its_new_end(cloud: Cloud) -> None:
    first = cloud.create("daybox-local")["id"]
    made = hold(cloud, first)["id"]
    cloud.json("DELETE", f"/linode/instances/{first}")
    second = cloud.create("daybox-local")["id"]
    later = [*TAGS[:3], "daybox-until-20270201t000000z"]
    row = hold(cloud, second, tags=later)
    assert (row["id"], row["linode_id"], row["tags"]) == (made, second, later)
    assert len(volumes(cloud)) == 1


def test_one_whose_create_lost_its_reply_is_found_and_not_made_twice(cloud: Cloud) -> None:
    box = cloud.create("daybox-local")["id"]
    cloud.fault("reply-lost", "POST", "^/v4/volumes$")
    with pytest.raises(CloudError):
        hold(cloud, box)
    assert hold(cloud, box)["linode_id"] == box
    assert len(volumes(cloud)) == 1


def test_one_that_a_killed_up_left_unattached_is_attached(cloud: Cloud) -> None:
    cloud.json("POST", "/volumes", {"label": "daybox-local", "region": "local", "size": 10, "tags": TAGS})
    box = cloud.create("daybox-local")["id"]
    assert hold(cloud, box)["linode_id"] == box
    assert len(volumes(cloud)) == 1


def test_it_is_never_taken_from_a_box_that_is_there(cloud: Cloud) -> None:
    other, box = cloud.create("other")["id"], cloud.create("daybox-local")["id"]
    hold(cloud, other)
    with pytest.raises(CloudError, match=f"hangs on box {other}, which is still there"):
        hold(cloud, box)
    assert volumes(cloud)[0]["linode_id"] == other


def test_it_grows_if_more_is_asked_for(cloud: Cloud) -> None:
    box = cloud.create("daybox-local")["id"]
    hold(cloud, box)
    assert hold(cloud, box, size_gib=20.0)["size"] == 20


def test_what_was_detached_by_hand_is_seen_as_a_change(cloud: Cloud) -> None:
    box = cloud.create("daybox-local")["id"]
    inputs, provider = props(cloud, box), VolumeProvider()
    made = provider.create(inputs)
    assert made.outs and not provider.diff(str(made.id), made.outs, inputs).changes
    cloud.json("POST", f"/volumes/{made.id}/detach")
    outs = provider.read(str(made.id), made.outs).outs
    assert outs and provider.diff(str(made.id), outs, inputs).changes


def test_one_that_was_deleted_by_hand_is_gone_from_the_state(cloud: Cloud) -> None:
    made = VolumeProvider().create(props(cloud, cloud.create("daybox-local")["id"]))
    cloud.json("POST", f"/volumes/{made.id}/detach")
    cloud.json("DELETE", f"/volumes/{made.id}")
    assert VolumeProvider().read(str(made.id), made.outs or {}).id == ""


def test_an_account_that_does_not_answer_changes_nothing_of_what_is_known(cloud: Cloud) -> None:
    made = VolumeProvider().create(props(cloud, cloud.create("daybox-local")["id"]))
    cloud.kill()
    assert VolumeProvider().read(str(made.id), made.outs or {}).outs == made.outs


def test_to_delete_the_resource_leaves_the_volume_and_says_what_it_costs(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    made = VolumeProvider().create(props(cloud, cloud.create("daybox-local")["id"]))
    VolumeProvider().delete(str(made.id), made.outs or {})
    assert [row["id"] for row in volumes(cloud)] == [int(str(made.id))]
    assert f"volume {made.id} (daybox-local, 10 GiB) stays and bills $1.00 a month until 2027-01-01" in (
        capsys.readouterr().out
    )


def test_to_delete_it_says_so_too_if_the_account_does_not_answer(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    made = VolumeProvider().create(props(cloud, cloud.create("daybox-local")["id"]))
    cloud.kill()
    VolumeProvider().delete(str(made.id), made.outs or {})
    assert "(daybox-local, 10 GiB) stays and bills $1.00 a month until 2027-01-01" in capsys.readouterr().out


def test_of_one_that_was_deleted_by_hand_nothing_is_said(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    made = VolumeProvider().create(props(cloud, cloud.create("daybox-local")["id"]))
    cloud.json("POST", f"/volumes/{made.id}/detach")
    cloud.json("DELETE", f"/volumes/{made.id}")
    VolumeProvider().delete(str(made.id), made.outs or {})
    assert capsys.readouterr().out == ""


def test_a_failure_is_one_line(cloud: Cloud) -> None:
    cloud.fault("server-error", "POST", "^/v4/volumes$", times=None)
    box = cloud.create("daybox-local")["id"]
    with pytest.raises(Exception, match=r"^cloud: /volumes says 500") as caught:
        VolumeProvider().create(props(cloud, box))
    assert not isinstance(caught.value, DayboxError)


def test_a_volume_that_never_becomes_active_is_an_error(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volume, "WAIT_SECONDS", 0.0)
    with pytest.raises(DayboxError, match="is not active after 0 s"):
        hold(cloud, cloud.create("daybox-local")["id"])


def test_its_stored_name_stays() -> None:
    """Pulumi pickles it by name into every state."""
    assert (VolumeProvider.__module__, VolumeProvider.__qualname__) == ("stacks.volume", "VolumeProvider")
