"""The watchdog as it runs on a box, against an API and a vLLM on loopback."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.templates.api import Api, running
from tests.templates.conftest import OnBox

OURS = "/v4/linode/instances/7"


@pytest.fixture
def api(onbox: OnBox) -> Iterator[Api]:
    """An API to which the box's limits point; the box has its token, and its vLLM does not answer."""
    onbox.write("etc/daybox/token", "box-token\n", 0o600)
    onbox.environment |= {"DAYBOX_TRIES_S": "0.3", "DAYBOX_VLLM": "http://127.0.0.1:1"}
    onbox.command("wall", "")
    with running(Api()) as api:
        limits(onbox, api)
        yield api


def limits(onbox: OnBox, api: Api, **changes: object) -> None:
    """The limits, an hour to go."""
    given = {
        "instance_id": 7,
        "api_url": api.url,
        "lease": "l",
        "created_at": api.now - 600,
        "ends_at": api.now + 3600,
        "idle_minutes": 30,
        "ready_minutes": 60,
        "self_destruct": True,
    }
    onbox.write("etc/daybox/watchdog.json", json.dumps(given | changes), 0o600)


def status(onbox: OnBox) -> dict[str, Any]:
    return dict(json.loads(onbox.run("watchdog", "--status").stdout))


def deletes(api: Api) -> list[str]:
    return [request for request in api.requests if request.startswith("DELETE")]


def test_a_box_within_its_limits_is_left_alone(onbox: OnBox, api: Api) -> None:
    done = onbox.run("watchdog")
    assert done.returncode == 0
    assert done.stdout.startswith("ends at 20") and done.stdout.endswith(" unless extended: not ready within 60 min\n")
    assert deletes(api) == []


def test_at_the_end_of_the_lease_the_box_deletes_itself_until_the_api_knows_it_no_more(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends_at=api.now - 1)
    onbox.environment["DAYBOX_TRIES_S"] = "9"
    done = onbox.run("watchdog")
    assert done.stdout == "deleting this box: the lease has ended; DELETE answered HTTP 404\n"
    assert deletes(api) == [f"DELETE {OURS}"] * 2
    assert onbox.calls() == ["wall daybox: this box is deleted now: the lease has ended"]


def test_it_never_asks_for_any_instance_but_its_own(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends_at=api.now - 1)
    onbox.run("watchdog")
    onbox.run("watchdog", "--prove")
    assert {request.split()[1] for request in api.requests} == {OURS}


@pytest.mark.parametrize("fault", [400, 429, 500, 503])
def test_an_api_that_fails_is_asked_again_in_this_look_and_in_the_next(onbox: OnBox, api: Api, fault: int) -> None:
    limits(onbox, api, ends_at=api.now - 1)
    api.statuses = [200, *[fault] * 3]  # the first is the question for the time
    onbox.run("watchdog")
    assert not api.deleted
    for _ in range(4):
        onbox.run("watchdog")
    assert api.deleted


def test_a_refused_token_is_said_at_once_and_the_box_is_no_longer_armed(onbox: OnBox, api: Api) -> None:
    api.token = "another"
    assert onbox.run("watchdog").stdout.endswith("; the API refuses the token: HTTP 401\n")
    seen = status(onbox)
    assert (seen["armed"], "the API refuses the token: HTTP 401" in seen["why"]) == (False, True)


def test_a_wall_clock_that_runs_ahead_ends_nothing(onbox: OnBox, api: Api) -> None:
    """The API's time decides, here a day behind this machine's."""
    api.now = time.time() - 86_400
    limits(onbox, api, created_at=api.now - 60)
    onbox.run("watchdog")
    assert deletes(api) == []


def test_a_wall_clock_that_lags_behind_saves_nothing(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends_at=api.now + 60)
    api.now += 86_400
    onbox.run("watchdog")
    assert api.deleted


def test_an_api_that_does_not_answer_ends_nothing_and_is_named(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, api_url="http://127.0.0.1:1", ends_at=api.now - 1)
    assert "; the API was not reached: " in onbox.run("watchdog").stdout


def test_the_token_is_not_carried_elsewhere_by_a_redirect(onbox: OnBox, api: Api) -> None:
    with running(Api()) as thief:
        api.redirect = f"{thief.url}/v4/linode/instances/7"
        onbox.run("watchdog")
        assert thief.requests == []


def test_memory_that_is_torn_costs_nothing_but_memory(onbox: OnBox, api: Api) -> None:
    onbox.write("var/lib/daybox/watchdog-state.json", '{"history": {"boot"')
    limits(onbox, api, ends_at=api.now - 1)
    onbox.run("watchdog")
    assert api.deleted


def test_a_disk_that_takes_no_memory_does_not_keep_the_box_alive(onbox: OnBox, api: Api) -> None:
    onbox.path("var/lib/daybox/watchdog-state.new/folder").mkdir(parents=True)  # so that no file can be written there
    limits(onbox, api, ends_at=api.now - 1)
    onbox.run("watchdog")
    assert api.deleted


def test_a_box_that_may_not_delete_itself_asks_the_api_nothing(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, self_destruct=False, ends_at=api.now - 1)
    onbox.run("watchdog")
    assert api.requests == []
    assert (status(onbox)["armed"], status(onbox)["dies_at"]) == (False, None)


def test_changed_limits_hold_from_the_next_look_on(onbox: OnBox, api: Api) -> None:
    onbox.run("watchdog")
    limits(onbox, api, ends_at=api.now + 9, ready_minutes=500)
    onbox.run("watchdog")
    assert status(onbox)["dies_at"] == api.now + 9


def test_a_stage_that_was_ready_once_is_remembered(onbox: OnBox, api: Api) -> None:
    event = {"stage": "ready", "event": "end", "at": 1, "boot": "b", "outcome": "done"}
    onbox.write("var/lib/daybox/stages.jsonl", json.dumps(event) + "\n")
    onbox.run("watchdog")
    assert status(onbox)["why"] == "the lease has ended"


def test_an_armed_box_says_when_and_why_it_ends(onbox: OnBox, api: Api) -> None:
    onbox.run("watchdog")
    seen = status(onbox)
    assert seen["armed"] is True
    assert seen["dies_at"] == pytest.approx(api.now - 600 + 3600)
    assert seen["why"] == "not ready within 60 min"
    assert seen["last_check"] == pytest.approx(time.time(), abs=30)


def test_a_box_without_limits_says_so(onbox: OnBox) -> None:
    assert status(onbox)["armed"] is False
    assert onbox.run("watchdog").stderr.startswith("not armed: ")


def test_a_watchdog_that_does_not_run_is_not_called_armed(onbox: OnBox, api: Api) -> None:
    assert (status(onbox)["armed"], status(onbox)["why"]) == (False, "not ready within 60 min; its timer does not run")


def test_the_proof_is_our_own_instance_as_the_api_shows_it(onbox: OnBox, api: Api) -> None:
    done = onbox.run("watchdog", "--prove")
    assert json.loads(done.stdout) == {"id": 7, "label": "daybox-x", "status": "running"}


@pytest.mark.parametrize("what", ["refused", "silent", "no token", "no limits"])
def test_what_cannot_be_proved_fails_on_one_line(onbox: OnBox, api: Api, what: str) -> None:
    if what == "refused":
        api.token = "another"
    if what == "silent":
        limits(onbox, api, api_url="http://127.0.0.1:1")
    if what == "no token":
        (onbox.root / "etc/daybox/token").unlink()
    if what == "no limits":
        (onbox.root / "etc/daybox/watchdog.json").unlink()
    done = onbox.run("watchdog", "--prove")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


def test_the_token_is_in_nothing_it_says_or_keeps(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends_at=api.now - 1)
    said = [onbox.run("watchdog", *words) for words in ([], ["--prove"], ["--status"])]
    kept = (onbox.root / "var/lib/daybox/watchdog-state.json").read_text()
    assert "box-token" not in kept + "".join(done.stdout + done.stderr for done in said)
