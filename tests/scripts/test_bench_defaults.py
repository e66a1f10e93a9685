"""The comparison of flags: what is compared, what is said of it; the engine is a small one that any machine starts."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.bench_defaults import SESSION, Measured, check_whole, one_at_a_time, table, verdicts
from scripts.bench_engines import Engine, Variant, variants
from stacks.catalog import DEVICES
from stacks.models import NGRAM
from stacks.values import named

ROOT = Path(__file__).resolve().parents[2]
CPU, CUDA = named(DEVICES, "cpu"), named(DEVICES, "cuda")


def measured(name: str, *, first: float, edits: float, without: str = "") -> Measured:
    """A variant with the same figure twice."""
    return Measured(Variant(name, (), without), [10.0], [first] * 2, [first / 2] * 2, [edits] * 2, 0.5, 0.25)


PLAIN, DAYBOX = measured("vLLM's defaults", first=4.0, edits=20.0), measured("daybox", first=2.0, edits=50.0)
LESS = measured("daybox, no drafts", first=2.0, edits=25.0, without="drafts")


def test_each_variant_is_shown_beside_vllms_defaults() -> None:
    line = next(line for line in table([PLAIN, DAYBOX]) if line.startswith("daybox"))
    assert line.split("  ")[0] == "daybox"
    assert "2.00 s (0.50)" in line
    assert "50.0/s (2.50)" in line


def test_a_setting_is_worth_what_is_lost_without_it() -> None:
    assert verdicts([PLAIN, DAYBOX, LESS]) == ["with drafts: turn 1 the same, later the same, edits 2.00 times as fast"]


def test_a_start_is_shown_and_judged_by_nobody() -> None:
    """Each variant starts once, in a fixed order: the first one reads its files from the disk."""
    slow = Measured(Variant("daybox", ()), [25.0], [4.0], [2.0], [20.0])
    assert table([PLAIN, slow])[2].split()[1:5] == ["25.0", "s", "4.00", "s"]


@pytest.mark.parametrize(
    "changed",
    [{"finish": "length"}, {"first_s": None, "tokens": 0}, {"tokens_per_s": None, "tokens": 1}],
    ids=["cut off", "empty", "one token"],
)
def test_an_answer_that_is_not_the_recorded_one_stops_it_and_names_the_variant(changed: dict[str, Any]) -> None:
    whole = {"turn": 2, "edits": True, "first_s": 0.5, "tokens_per_s": 20.0, "tokens": 90, "finish": "stop"}
    check_whole(PLAIN.variant, [whole])
    with pytest.raises(SystemExit, match=r"vLLM's defaults: turn 2: .* not the whole recorded answer"):
        check_whole(PLAIN.variant, [whole, whole | changed])


def test_maiders_flags_are_its_default_profiles() -> None:
    [maider] = [one for one in variants(CUDA) if one.name == "maider"]
    assert maider.flags == ("--max-num-seqs=1", "--gpu-memory-utilization=0.90")


def test_each_setting_of_dayboxs_is_left_out_once() -> None:
    flags = {one.name: set(one.flags) for one in variants(CPU)}
    batch = {f"--max-num-seqs={CPU.sequences}", f"--max-num-batched-tokens={CPU.batched_tokens}"}
    assert flags["daybox"] == {*batch, f"--speculative-config={NGRAM}"}
    assert flags["daybox, no drafts"] == batch
    assert flags["daybox, vLLM's batch"] == {f"--speculative-config={NGRAM}"}
    assert flags["daybox, no prefix cache"] - flags["daybox"] == {"--no-enable-prefix-caching"}


def test_a_box_really_gets_the_flags_that_are_measured_as_dayboxs() -> None:
    compose = yaml.safe_load((ROOT / "tests/golden/compose-coder-30b.yaml").read_text())
    [daybox] = [one for one in variants(CUDA) if one.name == "daybox"]
    assert set(daybox.flags) <= set(compose["services"]["vllm"]["command"])


def test_an_engine_that_does_not_start_is_said_with_its_last_words() -> None:
    broken = [sys.executable, "-c", "raise SystemExit('no such flag')"]
    with pytest.raises(SystemExit, match="no such flag"):
        Engine(Variant("broken", ()), broken)


def test_any_engine_can_be_compared_one_variant_at_a_time() -> None:
    assert SESSION.is_file()
    engine = [sys.executable, "-m", "tests.playbooks.small_vllm"]
    plain, daybox = one_at_a_time(engine, variants(CPU)[:2], turns=2, deadline=0.0)
    assert (len(plain.starts), len(plain.edits), len(daybox.later)) == (1, 4, 2)
    assert daybox.figures()["edits"] > 0
