"""The watchdog as it runs on a box, against an API and a vLLM on loopback."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.templates.api import Api, running
from tests.templates.conftest import OnBox
from tests.templates.vllm import Vllm
from tests.templates.vllm import running as running_vllm

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
        "stack": "coder",
        "lease": "l",
        "created_at": api.now - 600,
        "ends": [[api.now + 3600, "the lease has ended"]],
        "idle_minutes": 30,
        "ready_minutes": 60,
        "self_destruct": True,
        "hour_seconds": 3600,
    }
    onbox.write("etc/daybox/watchdog.json", json.dumps(given | changes), 0o600)


def end(at: float) -> list[list[float | str]]:
    """The one hard end of the lease."""
    return [[at, "the lease has ended"]]


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
    limits(onbox, api, ends=end(api.now - 1))
    onbox.environment["DAYBOX_TRIES_S"] = "9"
    done = onbox.run("watchdog")
    assert done.stdout == "deleting this box: the lease has ended; DELETE answered HTTP 404\n"
    assert deletes(api) == [f"DELETE {OURS}"] * 2
    assert onbox.calls() == ["wall daybox coder, box 7: is deleted now: the lease has ended"]


def test_it_never_asks_for_any_instance_but_its_own(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends=end(api.now - 1))
    onbox.run("watchdog")
    onbox.run("watchdog", "--prove")
    assert {request.split()[1] for request in api.requests} == {OURS}


@pytest.mark.parametrize("fault", [400, 429, 500, 503])
def test_an_api_that_fails_is_asked_again_in_this_look_and_in_the_next(onbox: OnBox, api: Api, fault: int) -> None:
    limits(onbox, api, ends=end(api.now - 1))
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
    limits(onbox, api, ends=end(api.now + 60))
    api.now += 86_400
    onbox.run("watchdog")
    assert api.deleted


def test_an_api_that_does_not_answer_ends_nothing_and_is_named(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, api_url="http://127.0.0.1:1", ends=end(api.now - 1))
    assert "; the API was not reached: " in onbox.run("watchdog").stdout


def test_the_token_is_not_carried_elsewhere_by_a_redirect(onbox: OnBox, api: Api) -> None:
    with running(Api()) as thief:
        api.redirect = f"{thief.url}/v4/linode/instances/7"
        onbox.run("watchdog")
        assert thief.requests == []


def test_memory_that_is_torn_costs_nothing_but_memory(onbox: OnBox, api: Api) -> None:
    onbox.write("var/lib/daybox/watchdog-state.json", '{"history": {"boot"')
    limits(onbox, api, ends=end(api.now - 1))
    onbox.run("watchdog")
    assert api.deleted


def test_a_disk_that_takes_no_memory_does_not_keep_the_box_alive(onbox: OnBox, api: Api) -> None:
    onbox.path("var/lib/daybox/watchdog-state.new/folder").mkdir(parents=True)  # so that no file can be written there
    limits(onbox, api, ends=end(api.now - 1))
    onbox.run("watchdog")
    assert api.deleted


def test_a_watchdog_that_was_mended_holds_to_the_limits_of_before(onbox: OnBox, api: Api) -> None:
    """`fab bootstrap` brings the program, and only arming the limits: those of daybox 0.1.0."""
    old = {"lease": "l", "idle_minutes": 30, "ready_minutes": 60, "self_destruct": True}
    old |= {"instance_id": 7, "api_url": api.url, "created_at": api.now - 600, "ends_at": api.now - 1}
    onbox.write("etc/daybox/watchdog.json", json.dumps(old), 0o600)
    onbox.run("watchdog")
    assert api.deleted


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("var/lib/daybox/stages.jsonl", b"\xff\n"),
        ("var/lib/daybox/watchdog-state.json", b'{"history": {"lived": "x", "boot": 1}}'),
        ("var/lib/daybox/watchdog-state.json", b'{"history": {"active": "x", "seen": "x"}}'),
        ("var/lib/daybox/kept-until", b"inf"),
        ("var/lib/daybox/own-work.json", b'{"began": [], "work": "x"}'),
        ("etc/daybox/notices.json", b'["http://127.0.0.1:1/"]'),
    ],
)
def test_nothing_that_only_informs_stops_a_hard_end(onbox: OnBox, api: Api, path: str, content: bytes) -> None:
    limits(onbox, api, ends=end(api.now - 1))
    onbox.path(path).write_bytes(content)
    onbox.run("watchdog")
    assert api.deleted


def test_a_reply_without_a_date_is_no_reason_to_believe_our_own_clock(onbox: OnBox, api: Api) -> None:
    api.dated = False
    limits(onbox, api, created_at=api.now - 86_400, ends=end(api.now - 80_000))  # by the wall clock it is over
    onbox.run("watchdog")
    assert not api.deleted


def test_an_api_that_does_not_know_the_box_is_named(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, instance_id=8)
    onbox.run("watchdog")
    assert "the API answered HTTP 404" in status(onbox)["why"]


def test_a_full_disk_costs_no_memory(onbox: OnBox, api: Api) -> None:
    """Else a box that works would look idle since the disk is full, or busy for ever."""
    onbox.path("var/lib/daybox/watchdog-state.new/folder").mkdir(parents=True)
    lived = []
    for _ in range(2):
        onbox.run("watchdog")
        lived.append(json.loads((onbox.root / "run/daybox/watchdog-state.json").read_text())["history"]["lived"])
    assert 0 == lived[0] < lived[1]


def test_after_a_reboot_the_disk_remembers(onbox: OnBox, api: Api) -> None:
    event = {"stage": "ready", "event": "end", "at": 1, "boot": "b", "outcome": "done"}
    stages = onbox.write("var/lib/daybox/stages.jsonl", json.dumps(event) + "\n")
    onbox.run("watchdog")
    stages.unlink()
    (onbox.root / "run/daybox/watchdog-state.json").unlink()
    onbox.run("watchdog")
    assert status(onbox)["why"] == "the lease has ended"


METRICS = """vllm:num_requests_running{{engine="0"}} 0.0
vllm:generation_tokens_total{{engine="0"}} {work}
process_start_time_seconds {began}
"""


def idle_since(onbox: OnBox, work: float, began: float = 100.0) -> float:
    """Minutes of idleness, by its own word, after a look at a vLLM with these counters."""
    with running_vllm(Vllm(metrics=METRICS.format(work=work, began=began))) as vllm:
        onbox.environment["DAYBOX_VLLM"] = vllm.url
        onbox.run("watchdog")
    return float(status(onbox)["idle_minutes"])


def test_what_the_stage_ready_asked_of_a_new_process_is_no_work(onbox: OnBox, api: Api) -> None:
    """Else every reboot would keep an idle box for another half an hour."""
    idle_since(onbox, 5)
    time.sleep(0.6)
    onbox.write("var/lib/daybox/own-work.json", json.dumps({"began": 200.0, "work": 9}))
    assert idle_since(onbox, 9, began=200.0) > 0
    assert idle_since(onbox, 10, began=200.0) == 0


def words(onbox: OnBox) -> list[dict[str, Any]]:
    """What the laptop can read of it."""
    return [json.loads(line) for line in (onbox.root / "var/lib/daybox/words.jsonl").read_text().splitlines()]


def test_the_end_is_said_before_it_comes_and_once(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends=end(api.now + 200))
    for _ in range(2):
        onbox.run("watchdog")
    [word] = words(onbox)
    at = time.strftime("%H:%M UTC", time.gmtime(api.now + 200))
    assert word["text"] == (
        f"daybox coder, box 7: will be deleted at {at}: the lease has ended; "
        "else: fab extend --lease --stack coder --minutes 60"
    )
    assert onbox.calls() == [f"wall {word['text']}"]


def test_its_last_words_tell_why_how_long_and_how_much(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends=end(api.now - 1))
    idle_since(onbox, 42)
    [word] = words(onbox)
    assert {key: word[key] for key in ("event", "reason", "tokens", "stack", "lease", "box")} == {
        "event": "delete",
        "reason": "the lease has ended",
        "tokens": 42,
        "stack": "coder",
        "lease": "l",
        "box": 7,
    }
    assert word["lived_seconds"] == pytest.approx(600, abs=5)


def test_last_words_are_written_before_the_first_delete(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ends=end(api.now - 1))
    api.statuses = [200, *[500] * 3]  # the first is the question for the time
    onbox.run("watchdog")
    assert words(onbox)[0]["event"] == "delete" and not api.deleted


def test_a_refused_token_is_trouble_that_is_said_once(onbox: OnBox, api: Api) -> None:
    api.token = "another"
    for _ in range(2):
        onbox.run("watchdog")
    [word] = words(onbox)
    assert word["text"] == (
        "daybox coder, box 7: cannot delete itself, and bills: the API refuses the token: HTTP 401; "
        "end it: fab sweep --stack coder"
    )


def test_an_idle_box_is_kept_for_as_long_as_one_asks(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, ready_minutes=500, idle_minutes=0.0001, hour_seconds=1)
    seen = json.loads(onbox.run("watchdog", "--keep-until", str(api.now + 1000)).stdout)
    assert seen["kept_until"] == api.now + 1000
    for _ in range(2):
        idle_since(onbox, 5)
    assert status(onbox)["dies_at"] == pytest.approx(api.now + 1000, abs=2)
    assert not api.deleted
    onbox.run("watchdog", "--keep-until", "0")
    time.sleep(1)  # the "hour" that is paid for is over
    idle_since(onbox, 5)
    assert api.deleted


def test_no_box_is_kept_beyond_its_hard_end(onbox: OnBox, api: Api) -> None:
    done = onbox.run("watchdog", "--keep-until", str(api.now + 3601))
    ends = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(api.now + 3600))
    assert (done.returncode, done.stderr) == (1, f"it is deleted at {ends} in any case: the lease has ended\n")
    assert status(onbox)["kept_until"] is None


def test_status_tells_until_when_the_hour_is_paid_for(onbox: OnBox, api: Api) -> None:
    onbox.run("watchdog")
    assert status(onbox)["paid_until"] == pytest.approx(api.now + 3000)


def test_a_box_that_may_not_delete_itself_asks_the_api_nothing(onbox: OnBox, api: Api) -> None:
    limits(onbox, api, self_destruct=False, ends=end(api.now - 1))
    onbox.run("watchdog")
    assert api.requests == []
    assert (status(onbox)["armed"], status(onbox)["dies_at"]) == (False, None)


def test_changed_limits_hold_from_the_next_look_on(onbox: OnBox, api: Api) -> None:
    onbox.run("watchdog")
    limits(onbox, api, ends=end(api.now + 9), ready_minutes=500)
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


def test_a_watchdog_that_has_not_reached_the_api_for_ten_minutes_is_not_called_armed(onbox: OnBox, api: Api) -> None:
    """A seal that keeps it in would show so."""
    limits(onbox, api, api_url="http://127.0.0.1:1")
    onbox.run("watchdog")
    assert status(onbox)["armed"]
    for name in ("run/daybox", "var/lib/daybox"):
        file = onbox.root / name / "watchdog-state.json"
        state = json.loads(file.read_text())
        file.write_text(json.dumps(state | {"deaf": state["history"]["lived"] - 601}))
    seen = status(onbox)
    assert (seen["armed"], "the API was not reached: " in seen["why"]) == (False, True)
    limits(onbox, api)
    onbox.run("watchdog")
    assert status(onbox)["armed"]


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
    limits(onbox, api, ends=end(api.now - 1))
    said = [onbox.run("watchdog", *words) for words in ([], ["--prove"], ["--status"])]
    kept = (onbox.root / "var/lib/daybox/watchdog-state.json").read_text()
    assert "box-token" not in kept + "".join(done.stdout + done.stderr for done in said)


def both(onbox: OnBox, work: float, architect: float | None) -> dict[str, Any]:
    """What the watchdog says after a look at a box with two models. architect: None for a second one that is dead."""
    onbox.facts(architect={"served": "daybox-planner"})
    with (
        running_vllm(Vllm(metrics=METRICS.format(work=work, began=100.0))) as main,
        running_vllm(Vllm(metrics=METRICS.format(work=architect, began=100.0))) as other,
    ):
        onbox.environment["DAYBOX_VLLM"] = main.url
        onbox.environment["DAYBOX_ARCHITECT"] = "http://127.0.0.1:1" if architect is None else other.url
        onbox.run("watchdog")
    return status(onbox)


def test_work_of_either_model_is_work_and_tokens_of_both_are_told(onbox: OnBox, api: Api) -> None:
    both(onbox, 5, 7)
    time.sleep(0.6)
    assert both(onbox, 5, 7)["idle_minutes"] > 0
    assert both(onbox, 5, 8)["idle_minutes"] == 0
    time.sleep(0.6)
    seen = both(onbox, 6, 8)
    assert (seen["idle_minutes"], seen["tokens"]) == (0, 14)


def test_how_long_a_box_is_idle_is_not_known_while_its_second_model_is_dead(onbox: OnBox, api: Api) -> None:
    assert both(onbox, 5, None)["idle_minutes"] is None
    both(onbox, 5, 7)
    assert both(onbox, 5, None)["idle_minutes"] is None


def test_what_the_stage_ready_asked_of_the_second_model_is_no_work(onbox: OnBox, api: Api) -> None:
    both(onbox, 5, 0)
    time.sleep(0.6)
    onbox.write("var/lib/daybox/own-work-architect.json", json.dumps({"began": 100.0, "work": 9}))
    assert both(onbox, 5, 9)["idle_minutes"] > 0


def test_a_box_whose_stack_gave_up_its_second_model_is_judged_by_the_first_alone(onbox: OnBox, api: Api) -> None:
    both(onbox, 5, 7)
    onbox.facts()
    idle_since(onbox, 5)
    assert json.loads((onbox.root / "run/daybox/watchdog-state.json").read_text())["architect"] is None
    assert status(onbox)["tokens"] == 5
