"""One line before anything is rented: what it costs, at the most, and how the model fits."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stacks.quote import fit_words, go_there, quote
from tests.shipped import settings_of

START = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


def lot(folder: Path, minutes: float, **changes: str) -> Any:
    """As much of a lot as a quote needs, of stack coder-30b, that lives so long."""
    return SimpleNamespace(
        settings=settings_of("coder-30b", folder, **changes),
        entry=SimpleNamespace(usd_per_hour=1.05, price_source="api.linode.com 2026-11-25"),
        lease=SimpleNamespace(start=START),
        ends=START + timedelta(minutes=minutes),
        volume=None,
    )


def test_price_longest_cost_and_fit_are_one_line(tmp_path: Path) -> None:
    assert quote(lot(tmp_path, 590)) == (
        "g2-gpu-rtx4000a2-s in us-ord: $1.05/h (api.linode.com 2026-11-25), at most $10.50 in 10 begun hours, "
        "until 2026-11-25 17:50 UTC (you pay it); qwen3-coder-30b with 32768 tokens: weights 14.5 + cache 1.5 "
        "+ overhead 1.7 of 18.4 GiB a card, 0.7 free"
    )


@pytest.mark.parametrize(("minutes", "usd"), [(57, "$1.05 in 1"), (58, "$2.10 in 2"), (600, "$11.55 in 11")])
def test_the_most_counts_what_a_box_may_outlive_its_end(tmp_path: Path, minutes: float, usd: str) -> None:
    """It deletes itself at its end, not before: a lifetime of whole hours may begin one more."""
    assert f"at most {usd} begun hours" in quote(lot(tmp_path, minutes))


def test_a_box_that_may_not_end_itself_has_no_longest_cost(tmp_path: Path) -> None:
    said = quote(lot(tmp_path, 600, selfDestruct="false"))
    assert "$1.05/h (api.linode.com 2026-11-25), without end: selfDestruct is false (you pay it)" in said


def test_a_model_that_was_forced_is_said_not_to_fit(tmp_path: Path) -> None:
    forced = settings_of("coder-30b", tmp_path, force="true", context="65536")
    assert "DOES NOT FIT: 65536 tokens are more than the 48272" in fit_words(forced.fit)


def test_the_way_to_another_region_can_be_typed() -> None:
    assert go_there("mine", ["us-sea", "fr-par"]) == "pulumi config set -s mine daybox:region us-sea (also fr-par)"
    assert go_there("mine", ["us-sea"]) == "pulumi config set -s mine daybox:region us-sea"
    assert go_there("mine", []) == "no other region lists it: take another plan, see `fab plans`"
