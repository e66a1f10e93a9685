import pytest

from scripts.cloud import events
from scripts.cloud.store import Store
from tests.scripts.cloud.conftest import Clock

BOX = {"id": 12345678, "label": "daybox-local"}


@pytest.mark.parametrize(
    ("age", "status", "percent"), [(0.0, "scheduled", 0), (0.2, "started", 66), (0.3, "finished", 100)]
)
def test_a_delete_comes_along_by_the_clock_alone(age: float, status: str, percent: int) -> None:
    assert events.progress("linode_delete", age)[:2] == (status, percent)


def test_what_takes_no_time_is_a_notification() -> None:
    assert events.progress("firewall_create", 0.0) == ("notification", None, None)


def test_events_count_upwards_so_that_a_client_can_ask_for_what_is_new(store: Store) -> None:
    first, second = (events.record(store, "linode_boot", "me", events.entity("linode", BOX)) for _ in range(2))
    assert second["id"] > first["id"]


def test_an_event_says_what_it_is_about(store: Store, clock: Clock) -> None:
    row = events.record(store, "linode_delete", "me", events.entity("linode", BOX))
    clock.now += 10
    body = events.body(row, clock.now)
    assert body["entity"] == {
        "id": 12345678,
        "type": "linode",
        "label": "daybox-local",
        "url": "/v4/linode/instances/12345678",
    }
    assert (body["status"], body["duration"], body["username"]) == ("finished", 0.3, "me")
