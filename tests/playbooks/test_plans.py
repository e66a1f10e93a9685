"""fab plans: what can be rented, with prices that say where they are from."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from playbooks import offers
from playbooks.models import models
from playbooks.plans import plans
from stacks.catalog import MODELS, PRICES_READ
from tests.cloud import Cloud
from tests.shipped import ROOT


@pytest.fixture(autouse=True)
def _here(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The local cloud, nothing kept, no stack chosen."""
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DAYBOX_STATE", str(cloud.state_dir))
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    yield
    cloud.clear_faults()


def shown(capsys: pytest.CaptureFixture[str], **options: Any) -> list[dict[str, Any]]:
    """The rows of `fab plans --json` on the local cloud."""
    plans(Context(), cloud="local", json=True, **options)
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def refused(command: Any, **options: Any) -> str:
    """What a command says that must fail; its exit status is that of bad usage."""
    with pytest.raises(Exit) as caught:
        command(Context(), **options)
    assert caught.value.code == 2
    return str(caught.value.message)


def test_the_cheapest_comes_first_and_what_is_on_request_last(capsys: pytest.CaptureFixture[str]) -> None:
    rows = shown(capsys)
    prices = [row["usd_per_hour"] for row in rows if not row["on_request"]]
    assert prices == sorted(prices)
    assert [row["plan"] for row in rows if row["on_request"]] == [rows[-1]["plan"]]


def test_a_price_that_was_read_names_the_api_and_the_rest_the_catalog(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    by_name = {row["plan"]: row for row in shown(capsys)}
    assert by_name["g2-gpu-rtx4000a2-s"]["price_source"].startswith(cloud.url.removeprefix("http://"))
    assert by_name["g3-gpu-rtxpro6000-blackwell-1"]["price_source"].startswith("daybox catalog 2026-09-30")


def test_memory_is_that_of_all_cards_together(capsys: pytest.CaptureFixture[str]) -> None:
    names = [row["plan"] for row in shown(capsys, min_vram="80")]
    assert set(names) == {
        "g2-gpu-rtx4000a4-s",
        "g2-gpu-rtx4000a4-m",
        "g1-gpu-rtx6000-4",
        "g3-gpu-rtxpro6000-blackwell-1",
    }


@pytest.mark.parametrize(
    ("gb", "plan"), [("96", "g1-gpu-rtx6000-4"), ("72", "g1-gpu-rtx6000-3"), ("24", "g1-gpu-rtx6000-1")]
)
def test_a_plan_is_found_by_the_memory_it_is_sold_with(capsys: pytest.CaptureFixture[str], gb: str, plan: str) -> None:
    assert plan in [row["plan"] for row in shown(capsys, min_vram=gb)]


def test_people_see_where_a_plan_is_listed_and_how_old_that_is(capsys: pytest.CaptureFixture[str]) -> None:
    plans(Context(), cloud="local")
    said = capsys.readouterr().out
    assert "us-ord, us-sea, fr-par, de-fra-2 and 3 more" in said
    assert "read just now; stock is advisory" in said


def test_of_one_region_people_see_yes_or_no(capsys: pytest.CaptureFixture[str]) -> None:
    plans(Context(), cloud="local", region="us-east", min_vram="40")
    lines = {line.split()[0]: line.split()[-1] for line in capsys.readouterr().out.splitlines() if line[:1] == "g"}
    assert lines["g1-gpu-rtx6000-2"] == "yes" and lines["g2-gpu-rtx4000a2-s"] == "no"


def test_an_api_that_is_down_leaves_the_catalog_marked_as_such(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.fault("server-error", path="/linode/types", times=None)
    plans(Context(), cloud="local")
    said = capsys.readouterr().out
    assert f"* as daybox's catalog has it, {PRICES_READ} and 2026-09-30: no price was read" in said
    assert "answers /linode/types with 500; --refresh asks for them" in said


def test_bad_words_are_refused_with_the_nearest_right_ones() -> None:
    assert refused(plans, cloud="lokal") == "--cloud: 'lokal' is not in the catalog; choose from: linode, local"
    assert refused(plans, cloud="local", region="us-orf").startswith(
        "--region: 'us-orf' is no region; choose from: us-ord"
    )
    assert refused(plans, cloud="local", min_vram="500") == "--min-vram: no plan has 500 GB; the largest has 96"
    assert refused(models, cloud="local", plan="g2-a2").startswith("--plan: 'g2-a2' is not in the catalog")
    assert refused(models, cloud="local", context="32k").startswith("--context: '32k' is not a number; ")
    assert refused(plans, cloud="local", min_vram="-1").startswith("--min-vram: '-1' is not above zero; ")
    assert refused(models, cloud="linode", plan="local-cpu") == (
        "--plan: linode has no local-cpu; see fab plans --cloud linode"
    )


def test_numbers_that_are_none_have_no_traceback() -> None:
    """Invoke itself would make them numbers, and end with its own words if it cannot."""
    words = ["fab", "models", "--context", "32k", "--cloud", "local"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("--context: '32k' is not a number")


def test_a_reader_that_has_had_enough_is_no_fault() -> None:
    """`fab models --json | head -1`"""
    words = ["bash", "-c", "fab models --json --cloud local | head -1"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "[\n" and done.stderr == ""


def test_the_smallest_model_fits_the_pretend_plan_with_what_it_was_made_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    models(Context(), cloud="local", plan="local-cpu")
    assert capsys.readouterr().out.splitlines()[1].split()[:4] == ["smollm2-135m", "0.3", "bf16", "local-cpu"]


def test_a_price_that_nobody_read_has_a_star_among_models_too(capsys: pytest.CaptureFixture[str]) -> None:
    models(Context(), cloud="linode", plan="g2-gpu-rtx4000a1-s")
    said = capsys.readouterr().out
    assert "0.52 *" in said and f"* as daybox's catalog has it, {PRICES_READ}: no price was read" in said


def test_the_cloud_meant_is_that_of_the_stack_one_is_in(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_STACK", "local")
    assert offers.cloud_meant(None)[1] == cloud.url
    monkeypatch.setenv("PULUMI_STACK", "organization/daybox/local")
    assert offers.cloud_meant(None)[1] == cloud.url
    monkeypatch.setenv("PULUMI_STACK", "coder-30b")
    assert offers.cloud_meant(None)[1] == "https://api.linode.com"


def test_a_local_cloud_that_does_not_run_says_how_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    assert refused(plans, cloud="local") == (
        "--cloud: the local cloud is not running; start it: source scripts/env local"
    )


def test_models_asks_nobody(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(cloud.requests())
    models(Context(), cloud="local", json=True)
    rows = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in rows] == [model.name for model in MODELS]
    assert len(cloud.requests()) == before


def test_models_of_one_plan_are_those_that_fit_it(capsys: pytest.CaptureFixture[str]) -> None:
    models(Context(), cloud="local", plan="g2-gpu-rtx4000a1-s")
    said = capsys.readouterr().out
    assert "gpt-oss-20b" in said and "qwen3-coder-30b" not in said.replace("qwen3-coder-30b-", "")
    assert "more do not fit: --json says why" in said


def test_why_a_model_does_not_fit_is_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    models(Context(), cloud="local", plan="g2-gpu-rtx4000a1-s", json=True)
    row = next(row for row in json.loads(capsys.readouterr().out) if row["model"] == "qwen3-coder-30b")
    assert not row["fits"] and "leaves no room for a cache" in row["reasons"][0]
