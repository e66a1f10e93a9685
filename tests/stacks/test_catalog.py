"""The data is tested like code: every row of the catalog, and every shipped stack against it."""

import dataclasses
import re

import pytest

from stacks import families
from stacks.attention import Full, Recurrent
from stacks.catalog import CLOUDS, DEVICES, MODELS, PLANS, Model, Plan
from stacks.families import Family
from stacks.models import QUANTIZATIONS
from stacks.sizing import fit
from stacks.values import named
from tests.shipped import STACKS, raw_of

DATED = re.compile(r"20\d\d-\d\d-\d\d")
FAMILIES = {name: row for name, row in vars(families).items() if isinstance(row, Family)}


@pytest.mark.parametrize(
    "rows", [CLOUDS, DEVICES, PLANS, MODELS, QUANTIZATIONS], ids=lambda rows: type(rows[0]).__name__
)
def test_no_two_rows_have_one_name(rows: tuple[Model, ...]) -> None:
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("row", [PLANS[0], MODELS[0], *FAMILIES.values()], ids=lambda row: type(row).__name__)
def test_no_row_can_be_changed(row: Model | Plan | Family) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.name = "other"  # type: ignore[misc, union-attr]


def test_every_public_gpu_plan_and_the_gated_one_are_known() -> None:
    """4 g1 and 9 g2 are on the public list since 2026-07-01, g3 is on request."""
    count = {kind: sum(plan.name.startswith(kind) for plan in PLANS) for kind in ("g1-", "g2-", "g3-")}
    assert count == {"g1-": 4, "g2-": 9, "g3-": 1}
    assert [plan.name for plan in PLANS if plan.gated] == ["g3-gpu-rtxpro6000-blackwell-1"]


def test_at_least_25_models_are_known() -> None:
    assert len(MODELS) >= 25


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_every_plan_has_a_dated_price_memory_and_a_device(plan: Plan) -> None:
    assert plan.usd_per_hour > 0 and plan.gpu_gib > 0 and DATED.fullmatch(plan.price_read)
    assert named(DEVICES, plan.device).gpu == bool(plan.gpus)


def test_the_quadro_is_no_ada_and_has_24_gb() -> None:
    quadro = named(PLANS, "g1-gpu-rtx6000-1")
    assert (quadro.card, quadro.capability, round(quadro.gpu_gib)) == ("Quadro RTX 6000", 75, 24)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_has_a_dated_source_and_a_licence(model: Model) -> None:
    assert DATED.search(model.source) and DATED.search(model.family.source)
    assert model.family.licence


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_revision_is_a_commit_or_is_resolved_by_the_box(model: Model) -> None:
    assert model.revision == "main" or re.fullmatch("[0-9a-f]{40}", model.revision)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_has_the_bits_that_its_size_says(model: Model) -> None:
    """A size in the wrong unit, or of another file, would be off by more than this."""
    bits = model.weights_gb * 8 / model.billions
    low, high = {"bf16": (15.5, 17), "fp8": (7.9, 9.5)}.get(model.quantization.name, (3.9, 6.8))
    assert low <= bits <= high


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_no_model_is_served_with_code_of_its_own(model: Model) -> None:
    assert "trust" not in " ".join(model.vllm_flags)


@pytest.mark.parametrize("name", FAMILIES)
def test_heads_are_shared_by_two_cards_in_every_family(name: str) -> None:
    family = FAMILIES[name]
    kinds = [part for part in family.attention if not part.divides(2)]
    assert (family.heads % 2 == 0 and not kinds) or family.heads in (9,)


@pytest.mark.parametrize("name", FAMILIES)
def test_drafts_from_the_prompt_are_on_only_where_all_attention_is_full(name: str) -> None:
    family = FAMILIES[name]
    all_full = all(type(part) is Full for part in family.attention)
    assert not family.ngram or all_full
    assert family.ngram or not all_full or name.startswith("SMOLLM2")  # whose answers have a given form


@pytest.mark.parametrize("name", [name for name, row in FAMILIES.items() if row.ngram])
def test_drafts_begin_at_five_tokens(name: str) -> None:
    model = next(row for row in MODELS if row.family is FAMILIES[name])
    assert '"prompt_lookup_min":5' in " ".join(model.vllm_flags)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_that_thinks_is_told_not_to_where_that_can_be_said(name: str) -> None:
    family = FAMILIES[name]
    assert not family.reasoning_parser or family.thinking_off or name.startswith("GPT_OSS")


@pytest.mark.parametrize(
    "name", [name for name, row in FAMILIES.items() if any(isinstance(p, Recurrent) for p in row.attention)]
)
def test_a_hybrid_has_no_drafts(name: str) -> None:
    assert not FAMILIES[name].ngram


@pytest.mark.parametrize("stack", STACKS)
def test_every_shipped_stacks_model_fits_its_plan(stack: str) -> None:
    raw = raw_of(stack)
    found = fit(named(MODELS, raw["model"]), named(PLANS, raw["plan"]), int(raw["context"]))
    assert found.fits, found.reasons


def test_the_stacks_that_are_shipped_are_those_promised() -> None:
    promised = {"coder-7b", "coder-14b", "gpt-oss-20b", "coder-30b", "coder-27b", "coder-32b", "local"}
    assert promised == set(STACKS)
