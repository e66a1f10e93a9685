"""The provider's API client: what is tried again, how long it waits, and how a refusal reads."""

import pytest
import requests

from scripts.cloud.provider.api import is_worth_a_retry, pause_seconds, silence
from scripts.cloud.provider.errors import ApiError, ProviderError, told_as
from tests.scripts.cloud.scripted_api import ScriptedApi, listed, refusal, reply

# Source: linodego retries.go.
RETRIES = [
    ("too many requests", refusal(429, "Too many requests"), True),
    ("unavailable", refusal(503, "Try again"), True),
    ("maintenance", refusal(503, "Maintenance", X_Maintenance_Mode="on"), False),
    ("request timed out", refusal(408, "Timeout"), True),
    ("busy", refusal(400, "Linode busy."), True),
    ("nginx's own 400", reply(400, "<html>", Server="nginx", Content_Type="text/html"), True),
    ("bad request", refusal(400, "label is too short"), False),
    ("unauthorized", refusal(401, "Invalid Token"), False),
    ("no capacity", refusal(403, "not currently available"), False),
    ("not found", refusal(404, "Not found"), False),
    ("server error", refusal(500, "Internal"), False),
    ("bad gateway", refusal(502, "Bad gateway"), False),
    ("yes", reply(200), False),
]


@pytest.mark.parametrize(("answer", "again"), [row[1:] for row in RETRIES], ids=[row[0] for row in RETRIES])
def test_only_a_refusal_that_did_nothing_and_may_pass_is_tried_again(answer: requests.Response, again: bool) -> None:
    assert is_worth_a_retry(answer) is again


def test_a_busy_linode_is_asked_again_until_it_is_not() -> None:
    api = ScriptedApi({"POST /x": [refusal(400, "Linode busy."), refusal(400, "Linode busy."), {"id": 1}]})
    assert api.post("/x", {}) == {"id": 1}
    assert (api.calls, api.pauses) == (["POST /x"] * 3, [0.1, 0.2])


def test_a_server_error_on_a_delete_is_not_tried_again() -> None:
    """As with the real provider: destroy fails, and the next one succeeds."""
    api = ScriptedApi({"DELETE /x": [refusal(500, "Internal")]})
    with pytest.raises(ApiError, match=r"^\[500\] Internal$"):
        api.delete("/x")
    assert len(api.calls) == 1


def test_retry_after_is_honoured() -> None:
    assert pause_seconds(refusal(429, "Too many requests", Retry_After="7"), attempt=0) == 7.0


def test_without_retry_after_each_pause_is_longer_up_to_a_limit() -> None:
    assert [pause_seconds(refusal(429, "x"), attempt) for attempt in (0, 1, 2, 50)] == [0.1, 0.2, 0.4, 2.0]


def test_a_refusal_reads_as_one_line_with_status_field_and_reason() -> None:
    api = ScriptedApi({"POST /x": [refusal(400, "Label must be unique among your linodes", "label")]})
    with pytest.raises(ApiError, match=r"^\[400\] \[label\] Label must be unique among your linodes$"):
        api.post("/x", {})


def test_a_refusal_that_is_not_the_apis_still_says_something() -> None:
    api = ScriptedApi({"GET /x": [reply(502, "a text")]})
    with pytest.raises(ApiError, match=r"^\[502\] Some Reason$"):
        api.get("/x")


def test_the_deed_stands_before_the_refusal() -> None:
    with (
        pytest.raises(ProviderError, match=r"^Error deleting firewall 7: \[404\] Not found$"),
        told_as("deleting firewall 7"),
    ):
        raise ApiError(404, [("", "Not found")])


def test_a_list_is_read_to_its_last_page() -> None:
    first, second = {**listed({"id": 1}), "pages": 2}, {**listed({"id": 2}), "pages": 2}
    api = ScriptedApi({"GET /x": [first, second]})
    assert api.all("/x") == [{"id": 1}, {"id": 2}]


def test_a_cloud_that_does_not_answer_is_named_with_the_way_to_start_it() -> None:
    fact = silence("http://127.0.0.1:4711/v4", requests.ConnectionError())
    assert fact == "http://127.0.0.1:4711: no reply; see scripts/cloud/status, and start it with scripts/cloud/start"


def test_who_waits_is_woken_when_the_engine_calls_off() -> None:
    api = ScriptedApi({})
    api.cancelled.set()
    with pytest.raises(ProviderError, match="called off"):
        api.pause(60.0)
