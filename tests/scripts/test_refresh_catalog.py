"""The catalog against the live API: a diff is printed, and written only when asked for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import refresh_catalog
from scripts.refresh_catalog import Difference, differences, main, rewritten
from stacks.catalog import PLANS
from stacks.market import read
from tests.cloud import Cloud, start_cloud
from tests.odd_api import TYPES, OddApi, odd_api

CATALOG = refresh_catalog.CATALOG.read_text()


@pytest.fixture
def api() -> Iterator[OddApi]:
    with odd_api() as running:
        yield running


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    running = start_cloud(tmp_path)
    monkeypatch.setenv("DAYBOX_STATE", str(running.state_dir))
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    yield running
    running.stop()


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the catalog, in the place of the real one."""
    copy = tmp_path / "catalog.py"
    copy.write_text(CATALOG)
    monkeypatch.setattr(refresh_catalog, "CATALOG", copy)
    return copy


def test_a_price_that_moved_a_plan_that_went_and_one_that_came_are_differences(api: OddApi) -> None:
    new = {"id": "g4-gpu-new-1", "class": "gpu", "price": {"hourly": 4.0}}
    moved = TYPES[0] | {"price": {"hourly": 1.25}}
    api.answers["/v4/linode/types"] = (200, [moved, TYPES[1], new])
    ours = [plan for plan in PLANS if plan.name in ("g2-gpu-rtx4000a2-s", "g2-gpu-rtx4000a1-s", "g1-gpu-rtx6000-1")]
    assert differences(ours, read(api.url)) == [
        Difference("g2-gpu-rtx4000a2-s", 1.05, 1.25),
        Difference("g1-gpu-rtx6000-1", 1.50, None),
        Difference("g4-gpu-new-1", None, 4.0),
    ]


def test_a_plan_on_request_is_no_difference_because_no_public_list_has_it(api: OddApi) -> None:
    assert differences([plan for plan in PLANS if plan.gated], read(api.url)) == [
        Difference("g2-gpu-rtx4000a2-s", None, 1.05),
        Difference("g2-gpu-rtx4000a1-s", None, 0.52),
    ]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_exactly_the_plans_price_and_the_day_are_rewritten(plan: object) -> None:
    name = plan.name  # type: ignore[attr-defined]
    text = rewritten(CATALOG, [Difference(name, 1.0, 77.5)], "2027-01-02")
    changed = [line for line in text.splitlines() if line not in CATALOG.splitlines()]
    assert changed[0].startswith('PRICES_READ = "2027-01-02"')
    assert len(changed) == 2 and sum("usd_per_hour=77.50" in line for line in changed) == 1


def test_what_only_one_side_knows_is_left_for_people() -> None:
    text = rewritten(CATALOG, [Difference("g1-gpu-rtx6000-1", 1.5, None), Difference("g4", None, 4.0)], "2027-01-02")
    assert text == CATALOG  # nor is what nobody read given a new date


def test_a_price_keeps_all_its_digits() -> None:
    assert "usd_per_hour=0.525" in rewritten(CATALOG, [Difference("g1-gpu-rtx6000-1", 1.5, 0.525)], "2027-01-02")


def test_the_local_cloud_has_the_catalogs_prices(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--cloud", "local"]) == 0
    assert "0 differ" in capsys.readouterr().out


def test_nothing_is_written_unless_asked_for(
    cloud: Cloud, catalog: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    dearer = lambda plans, found: [Difference("g2-gpu-rtx4000a2-s", 1.05, 1.25)]  # noqa: E731
    monkeypatch.setattr(refresh_catalog, "differences", dearer)
    assert main(["--cloud", "local"]) == 1
    assert catalog.read_text() == CATALOG
    monkeypatch.setattr(refresh_catalog, "api_url", lambda *_: cloud.url)  # as if it were Linode's
    assert main(["--write"]) == 0
    assert "usd_per_hour=1.25" in catalog.read_text()
    assert "g2-gpu-rtx4000a2-s                    $1.05 -> $1.25" in capsys.readouterr().out


def test_an_api_that_does_not_answer_leaves_the_catalog_and_fails(
    cloud: Cloud, catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.fault("server-error", path="/linode/types", times=None)
    assert main(["--cloud", "local"]) == 4
    assert "answers /linode/types with 500" in capsys.readouterr().err
    assert catalog.read_text() == CATALOG


def test_the_pretend_prices_are_never_written(catalog: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--cloud", "local", "--write"])
    assert catalog.read_text() == CATALOG


def test_a_local_cloud_that_does_not_run_is_said_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    assert main(["--cloud", "local"]) == 4
    assert capsys.readouterr().err == (
        "refresh_catalog: --cloud: the local cloud is not running; start it: source scripts/env local\n"
    )
