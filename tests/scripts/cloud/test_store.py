import json
import stat
from pathlib import Path

import pytest

from scripts.cloud.replies import Refusal
from scripts.cloud.store import EVENTS_KEPT, Store, zoneless
from tests.scripts.cloud.conftest import Clock


def test_what_was_saved_is_there_after_a_restart(store: Store) -> None:
    row = store.add("instances", {"label": "abc"})
    store.save()
    assert Store(store.file).get("instances", row["id"]) == row


def test_what_was_not_saved_is_not_half_there(store: Store) -> None:
    store.save()
    store.add("instances", {"label": "abc"})
    assert Store(store.file).rows("instances") == []


def test_the_account_stays_the_same(store: Store) -> None:
    store.save()
    assert Store(store.file).account == store.account


def test_ids_have_eight_digits_and_rows_their_time(store: Store, clock: Clock) -> None:
    row = store.add("instances", {})
    assert len(str(row["id"])) == 8
    assert row["created"] == row["updated"] == zoneless(clock.now)


def test_a_row_that_is_not_there_is_the_apis_404(store: Store) -> None:
    with pytest.raises(Refusal) as refused:
        store.get("instances", 7)
    assert refused.value.status == 404


def test_old_events_are_dropped_and_new_ones_kept(store: Store) -> None:
    ids = [store.add("events", {})["id"] for _ in range(EVENTS_KEPT + 1)]
    store.save()
    assert list(Store(store.file).tables["events"]) == ids[1:]


def test_the_file_is_for_its_owner_alone_and_whole(store: Store, tmp_path: Path) -> None:
    store.save()
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    json.loads(store.file.read_text())
