"""The market: live prices with their age, and never a price that nobody gave."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stacks import market as market_module
from stacks.catalog import PLANS, PRICES_READ
from stacks.errors import CloudError
from stacks.market import FRESH_SECONDS, Market, keep, kept_file, market, read, read_kept, spelled
from stacks.values import named
from tests.cloud import start_cloud
from tests.odd_api import TYPES, OddApi, odd_api

TWO, ONE = named(PLANS, "g2-gpu-rtx4000a2-s"), named(PLANS, "g2-gpu-rtx4000a1-s")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def api() -> Iterator[OddApi]:
    with odd_api() as running:
        yield running


def aged(api: OddApi, seconds: float) -> None:
    """Let what is kept be so old."""
    kept = read_kept(api.url)
    keep(api.url, replace(kept, read_at=datetime.now(UTC) - timedelta(seconds=seconds)))


def test_prices_are_hourly_and_those_of_the_region(api: OddApi) -> None:
    found = market(api.url)
    assert found.price(ONE).usd_per_hour == 0.52
    assert found.price(ONE, "id-cgk").usd_per_hour == 0.62
    assert found.price(TWO, "id-cgk").usd_per_hour == 1.05


def test_a_price_says_where_and_when_it_was_read(api: OddApi) -> None:
    assert market(api.url).price(TWO).source == f"{api.url.removeprefix('http://')} {datetime.now(UTC):%Y-%m-%d}"


def test_stock_is_read_to_the_last_page_and_only_what_is_available_counts(api: OddApi) -> None:
    found = market(api.url)
    assert (found.in_stock(TWO), found.in_stock(ONE)) == (["us-ord"], ["id-cgk"])


def test_each_list_is_asked_for_once_but_for_its_further_pages(api: OddApi) -> None:
    market(api.url)
    pages = sorted((path.partition("?")[0], path.partition("?")[2].split("&")[0]) for path in api.requests)
    assert pages == [
        ("/v4/linode/types", "page=1"),
        ("/v4/regions", "page=1"),
        ("/v4/regions/availability", "page=1"),
        ("/v4/regions/availability", "page=2"),
    ]


def test_what_is_fresh_is_not_asked_for_again(api: OddApi) -> None:
    market(api.url)
    asked = len(api.requests)
    assert market(api.url).price(TWO).usd_per_hour == 1.05
    assert len(api.requests) == asked


def test_refresh_asks_however_fresh_it_is(api: OddApi) -> None:
    market(api.url)
    api.answers["/v4/linode/types"] = (200, [TYPES[0] | {"price": {"hourly": 2.5}}])
    assert market(api.url, refresh=True).price(TWO).usd_per_hour == 2.5


def test_what_is_old_is_asked_for_again_unless_nobody_may_be_asked(api: OddApi) -> None:
    market(api.url)
    aged(api, FRESH_SECONDS + 60)
    asked = len(api.requests)
    assert market(api.url, ask=False).age(datetime.now(UTC)) == "read 1 h ago"
    assert len(api.requests) == asked
    assert market(api.url).age(datetime.now(UTC)) == "read just now"


def test_pages_without_end_are_not_followed(api: OddApi) -> None:
    body = {"data": TYPES, "page": 1, "pages": 10**9, "results": len(TYPES)}
    api.answers["/v4/linode/types"] = (200, json.dumps(body).encode())
    assert read(api.url).price(TWO).usd_per_hour == 1.05
    assert sum("linode/types" in path for path in api.requests) == 1


def test_a_list_of_tomorrow_is_said_to_be_one() -> None:
    now = datetime.now(UTC)
    assert Market("x", now + timedelta(hours=2)).age(now) == "dated in the future"


def test_a_clock_that_was_set_back_makes_nothing_fresh(api: OddApi) -> None:
    market(api.url)
    aged(api, -7200)
    asked = len(api.requests)
    market(api.url)
    assert len(api.requests) > asked


@pytest.mark.parametrize("price", [{"hourly": 0, "monthly": 700}, {"hourly": None}, {}, None])
def test_a_price_of_zero_is_the_catalogs_and_labelled_so(api: OddApi, price: Any) -> None:
    api.answers["/v4/linode/types"] = (200, [TYPES[0] | {"price": price}])
    shown = market(api.url).price(TWO)
    assert shown.usd_per_hour == TWO.usd_per_hour
    assert shown.source.startswith(f"daybox catalog {PRICES_READ}: ") and shown.source.endswith("gave none")


ANSWERS = [
    (200, b"<html>It works!</html>", "does not answer /linode/types: JSONDecodeError"),
    (500, b"{}", "answers /linode/types with 500"),
    (200, b"", "does not answer /linode/types: JSONDecodeError"),
    (200, [], "gave 0 of 0 rows of /linode/types"),
    (200, b"null", "gives no list of /linode/types"),
    (200, b'{"data": [], "page": 1}', "gives no list of /linode/types"),
    (200, b'{"data": [{"id": "x"}], "page": 1, "pages": 1, "results": 9}', "gave 1 of 9 rows of /linode/types"),
    (200, [{"price": {}}], "lists what it never did: KeyError('id')"),
    (200, [7], "lists what it never did"),
    (200, b'{"data": [1], "page": 1, "pages": "many", "results": 1}', "gives no list of /linode/types"),
]


@pytest.mark.parametrize(("status", "body", "fact"), ANSWERS)
def test_what_is_no_list_of_types_is_an_error_that_says_so(api: OddApi, status: int, body: Any, fact: str) -> None:
    api.answers["/v4/linode/types"] = (status, body)
    with pytest.raises(CloudError, match=r"127\.0\.0\.1") as caught:
        read(api.url)
    assert fact in caught.value.fact


@pytest.mark.parametrize(("status", "body", "fact"), ANSWERS)
def test_then_what_was_kept_is_shown_with_its_age_and_the_reason(
    api: OddApi, status: int, body: Any, fact: str
) -> None:
    market(api.url)
    aged(api, 3 * 86_400)
    api.answers["/v4/linode/types"] = (status, body)
    found = market(api.url)
    assert found.price(TWO).usd_per_hour == 1.05
    assert found.age(datetime.now(UTC)) == "read 3 days ago"
    assert fact in found.why


def test_where_nobody_answers_the_catalogs_prices_are_shown_as_such() -> None:
    found = market("http://127.0.0.1:9")
    assert found.price(TWO).source == f"daybox catalog {PRICES_READ}: not read"
    assert found.in_stock(TWO) is None and found.sells(TWO) is None
    assert "127.0.0.1:9: does not answer" in found.why and "ConnectionError" in found.why


def test_an_api_that_says_nothing_is_given_up_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(market_module, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "Timeout" in market(f"http://127.0.0.1:{silent.getsockname()[1]}").why


EMPTY = '{"host": "x", "read_at": 1, "prices": PRICES, "stock": STOCK, "regions": {}, "gpu_plans": []}'
DAMAGED = (
    *("", "{", "[]", "null", "\0", "[" * 100_000, '{"host": 1}', '{"host": "x", "read_at": "soon"}'),
    EMPTY.replace("PRICES", "[]").replace("STOCK", "{}"),
    EMPTY.replace("PRICES", '{"a": []}').replace("STOCK", "[]"),
)


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_cache_is_read_anew(api: OddApi, text: str) -> None:
    kept_file(api.url).parent.mkdir(parents=True)
    kept_file(api.url).write_text(text)
    assert market(api.url).price(TWO).usd_per_hour == 1.05
    assert json.loads(kept_file(api.url).read_text())["prices"]


def test_a_damaged_cache_that_may_not_be_read_anew_says_so(api: OddApi) -> None:
    kept_file(api.url).parent.mkdir(parents=True)
    kept_file(api.url).write_text("{")
    assert market(api.url, ask=False).why.endswith(".json is damaged")


def test_a_price_in_the_cache_that_can_be_none_is_unknown(api: OddApi) -> None:
    market(api.url)
    kept = json.loads(kept_file(api.url).read_text())
    kept["prices"][TWO.name] = {"": 0}
    kept_file(api.url).write_text(json.dumps(kept))
    assert market(api.url, ask=False).price(TWO).source.startswith("daybox catalog")


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(
    api: OddApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "file"))
    assert market(api.url).price(TWO).usd_per_hour == 1.05


@pytest.mark.parametrize(("minutes", "words"), [(5, "5 min"), (59, "59 min"), (120, "2 h"), (4320, "3 days")])
def test_ages_are_spelled(minutes: float, words: str) -> None:
    assert spelled(minutes) == words


def test_nothing_was_ever_read_is_said() -> None:
    assert Market("api.example").age(datetime.now(UTC)) == "never read"


def test_the_local_cloud_is_read_as_linode_is(tmp_path: Path) -> None:
    cloud = start_cloud(tmp_path)
    try:
        found = market(cloud.url)
    finally:
        cloud.stop()
    assert found.price(TWO, "us-ord").usd_per_hour == 1.05
    assert found.in_stock(TWO) == ["us-ord", "us-sea", "fr-par", "de-fra-2", "jp-osa", "sg-sin-2", "in-bom-2"]
    assert len(found.gpu_plans) == 13
