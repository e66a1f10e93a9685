import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.cloud import INSTANCE, Cloud

PATH = "/linode/instances"
HERE = "^/v4/linode/instances$"


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("no-capacity", 403, "The Linode plan you chose is not currently available in the selected region"),
        ("rate-limit", 429, "Too many requests"),
        ("server-error", 500, "Internal server error"),
        ("unavailable", 503, "Service unavailable"),
        ("busy", 400, "Linode busy."),
        ("false-404", 404, "Not found"),
        ("expired-token", 401, "Invalid Token"),
    ],
)
def test_a_refusal_is_said_once_and_nothing_is_done(cloud: Cloud, name: str, status: int, reason: str) -> None:
    cloud.fault(name, "POST", HERE)
    body = INSTANCE | {"label": f"refused-{name}"}
    reply = cloud.call("POST", PATH, body)
    assert (reply.status_code, reply.json()) == (status, {"errors": [{"reason": reason}]})
    assert cloud.json("GET", PATH, X_Filter=json.dumps({"label": body["label"]}))["results"] == 0
    assert cloud.call("POST", PATH, body).status_code == 200


def test_a_rate_limit_says_how_long_to_wait(cloud: Cloud) -> None:
    cloud.fault("rate-limit", "GET", "^/v4/volumes$", seconds=7)
    assert cloud.call("GET", "/volumes").headers["Retry-After"] == "7"


def test_a_lost_reply_is_lost_after_the_deed(own_cloud: Cloud) -> None:
    own_cloud.fault("reply-lost", "POST", HERE)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        own_cloud.call("POST", PATH, INSTANCE | {"label": "orphan"})
    assert [row["label"] for row in own_cloud.json("GET", PATH)["data"]] == ["orphan"]
    assert own_cloud.requests("POST")[-1]["status"] is None


def test_a_late_reply_is_held_after_the_deed(own_cloud: Cloud) -> None:
    own_cloud.fault("reply-late", "POST", HERE, seconds=20)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(own_cloud.call, "POST", PATH, INSTANCE | {"label": "held"})
        while not own_cloud.json("GET", PATH)["data"]:
            assert not waiting.done()
        own_cloud.kill()  # the reply never comes, and the deed stays


def test_a_false_404_passes_and_the_box_is_there_as_before(own_cloud: Cloud) -> None:
    row = own_cloud.create("still-here")
    own_cloud.fault("false-404", "GET", f"/{row['id']}$")
    statuses = [own_cloud.call("GET", f"{PATH}/{row['id']}").status_code for _ in range(2)]
    assert statuses == [404, 200]


def test_an_empty_page_lies_about_the_list(own_cloud: Cloud) -> None:
    own_cloud.create("still-here")
    own_cloud.fault("empty-page", "GET", HERE)
    assert [own_cloud.json("GET", PATH)["results"] for _ in range(2)] == [0, 1]


def test_slow_is_right_but_late(cloud: Cloud) -> None:
    cloud.fault("slow", "GET", "^/v4/volumes$", seconds=0.3)
    begun = time.monotonic()
    assert cloud.call("GET", "/volumes").status_code == 200
    assert time.monotonic() - begun > 0.3


def test_a_fault_happens_as_often_as_asked_and_only_where_asked(own_cloud: Cloud) -> None:
    own_cloud.fault("server-error", "GET", HERE, times=2)
    assert own_cloud.call("GET", "/volumes").status_code == 200
    assert [own_cloud.call("GET", PATH).status_code for _ in range(3)] == [500, 500, 200]


def test_a_fault_without_end_ends_when_cleared(own_cloud: Cloud) -> None:
    own_cloud.fault("server-error", "GET", HERE, times=None)
    assert [own_cloud.call("GET", PATH).status_code for _ in range(3)] == [500, 500, 500]
    own_cloud.clear_faults()
    assert own_cloud.call("GET", PATH).status_code == 200


def test_the_log_names_the_fault(own_cloud: Cloud) -> None:
    own_cloud.fault("busy", "DELETE", "/linode/instances/7$")
    own_cloud.call("DELETE", f"{PATH}/7")
    assert [(entry["status"], entry["fault"]) for entry in own_cloud.requests()] == [(400, "busy")]
