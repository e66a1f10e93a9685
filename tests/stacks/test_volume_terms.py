"""What a volume costs, from when it pays, and whose it must be."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stacks.account import Account, Instance
from stacks.errors import DayboxError
from stacks.lease import until_of
from stacks.places import stack_dir
from stacks.volume_terms import (
    HUB_MB_PER_SECOND,
    Terms,
    check_usable,
    measured_speed,
    pays_from,
    spared_seconds,
    stays_line,
    tags_of,
    terms_line,
    terms_of,
    usd_per_gib_month,
)
from tests.cloud import TOKEN, Cloud, start_cloud
from tests.shipped import settings_of

END = datetime(2026, 11, 26, 18, 0, tzinfo=UTC)
ROW = {"id": 7, "label": "daybox-mine", "size": 40, "region": "us-ord", "linode_id": None}
ROWS = [
    {
        "id": "volume",
        "price": {"hourly": 0.00015, "monthly": 0.1},
        "region_prices": [{"id": "id-cgk", "hourly": 0.00018, "monthly": 0.12}],
    }
]


@pytest.mark.parametrize(("region", "usd"), [("us-ord", 0.1), ("id-cgk", 0.12)])
def test_a_region_may_have_a_price_of_its_own(region: str, usd: float) -> None:
    assert usd_per_gib_month(ROWS, region) == usd


@pytest.mark.parametrize("price", [None, {}, {"monthly": None}, {"monthly": 0}, {"monthly": "0.1"}], ids=str)
def test_no_price_is_unknown_and_never_zero(price: object) -> None:
    assert usd_per_gib_month([{"id": "volume", "price": price}], "us-ord") is None


def test_break_even_of_five_minutes_at_a_dollar_five_is_what_others_reckoned() -> None:
    """The project's facts: a volume of $4, 5 minutes a start, $1.05/h: at about 45 starts a month."""
    assert pays_from(4.0, 1.05, 300) == 46


def test_a_volume_that_spares_nothing_never_pays() -> None:
    assert spared_seconds(31.17, hub_mb_per_second=400) == 0
    assert pays_from(3.4, 1.05, 0) is None


def test_what_is_spared_is_the_download_less_the_reading() -> None:
    assert spared_seconds(35.0, hub_mb_per_second=100) == pytest.approx(350 - 100)


def test_the_quote_says_price_end_and_assumption() -> None:
    terms = Terms("daybox-mine", 40, 4.0, "api.linode.com", END, 46, 5.0, "65 MB/s from the Hub, assumed")
    assert terms_line(terms) == (
        "; volume 40 GiB: $4.00 a month (api.linode.com), also without a box, until 2026-11-26: pays from 46 starts a "
        "month, each sparing 5.0 min (65 MB/s from the Hub, assumed)"
    )


def test_destroy_says_what_ends_it() -> None:
    assert stays_line("mine", 7, "daybox-mine", 40, 4.0, "2026-12-26") == (
        "volume 7 (daybox-mine, 40 GiB) stays and bills $4.00 a month until 2026-12-26; "
        "end it now, with all that the stack has: fab sweep --stack mine"
    )


def test_its_tags_say_whose_it_is_and_when_it_ends_and_name_no_lease() -> None:
    """A lease's tag would make it a leftover of that lease."""
    tags = tags_of("mine", "0123abcd", END)
    assert tags == ["daybox", "daybox-owner-0123abcd", "daybox-stack-mine", "daybox-until-20261126t180000z"]
    assert until_of(tags) == END


def box(number: int, label: str) -> Instance:
    return Instance(number, label, "running", "2026-11-26T08:00:00", "g2", "us-ord", "192.0.2.1", ())


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"tags": []}, "stacks/mine/volume: the account has volume 7 (daybox-mine, 40 GiB), which is not yours"),
        ({"tags": ["daybox-owner-other"]}, "which is not yours (you are me)"),
        (
            {"region": "us-sea"},
            "stacks/mine/region: its volume 7 (daybox-mine, 40 GiB) is in us-sea and cannot be moved",
        ),
        ({"linode_id": 8}, "stacks/mine/volume: volume 7 (daybox-mine, 40 GiB) hangs on box 8 (web)"),
    ],
    ids=["nobody's", "another's", "elsewhere", "in use"],
)
def test_a_volume_that_cannot_be_this_boxs_stops_up_before_it_creates_anything(
    change: dict[str, Any], fact: str
) -> None:
    with pytest.raises(DayboxError) as caught:
        check_usable("mine", "us-ord", {**ROW, "tags": ["daybox-owner-me"], **change}, "me", [box(8, "web")])
    assert fact in caught.value.fact and caught.value.hint


@pytest.mark.parametrize("holder", [None, 8, 9], ids=["nobody", "this stack's own box", "a box that is gone"])
def test_one_that_is_free_or_on_our_own_box_is_ours(holder: int | None) -> None:
    row = {**ROW, "tags": ["daybox-owner-me"], "linode_id": holder}
    check_usable("mine", "us-ord", row, "me", [box(8, "daybox-mine")])


def keep_table(stack: str, lease: str, bytes_: int | None, seconds: float | None) -> None:
    folder = stack_dir(stack) / "stages"
    folder.mkdir(exist_ok=True)
    row = {"stage": "weights", "bytes": bytes_, "took_seconds": seconds}
    (folder / f"{lease}.json").write_text(json.dumps({"stages": [row]}))


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    return tmp_path


def test_the_speed_is_the_newest_that_was_measured(state: Path) -> None:
    keep_table("mine", "20261101t080000z-aaaa", 10_000_000_000, 100.0)
    keep_table("mine", "20261102t080000z-bbbb", 30_000_000_000, 200.0)
    keep_table("mine", "20261103t080000z-cccc", None, 0.1)  # it was there already
    (stack_dir("mine") / "stages/20261104t080000z-dddd.json").write_text("{")
    assert measured_speed("mine") == 150.0


def test_without_a_table_nothing_is_measured(state: Path) -> None:
    assert measured_speed("mine") is None


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    running = start_cloud(tmp_path / "cloud")
    yield running
    running.stop()


def test_terms_are_read_from_the_account_and_a_volume_never_shrinks(state: Path, cloud: Cloud) -> None:
    settings = settings_of("coder-30b", state, volume="true", volumeDays="10", url=cloud.url)
    account = Account(cloud.url, TOKEN)
    first = terms_of(settings, account, [], "me", END)
    assert (first.size_gib, first.usd_per_month, f"{first.until:%Y-%m-%d}") == (34, 3.4, "2026-12-06")
    assert first.speed == f"{HUB_MB_PER_SECOND:.0f} MB/s from the Hub, assumed"
    tags = tags_of("coder-30b", "me", END)
    cloud.json("POST", "/volumes", {"label": first.label, "region": settings.region, "size": 50, "tags": tags})
    assert terms_of(settings, account, [], "me", END).size_gib == 50
