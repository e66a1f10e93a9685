"""vLLM's container as docker compose reads it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.bundle import bundle_for
from tests.golden_text import golden
from tests.shipped import STACKS, settings_of


@pytest.fixture(params=STACKS)
def text(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return compose(request.param, tmp_path)


@pytest.fixture
def vllm(text: str) -> dict[str, Any]:
    return dict(yaml.safe_load(text)["services"]["vllm"])


def compose(stack: str, folder: Path) -> str:
    files = bundle_for(settings_of(stack, folder)).files
    return next(file.content for file in files if file.path == "/opt/daybox/compose.yaml")


def test_nobody_but_the_box_itself_reaches_vllm(vllm: dict[str, Any]) -> None:
    assert vllm["ports"] == ["127.0.0.1:8000:8000"]


def test_the_key_is_read_from_a_file_inside_and_stands_nowhere_else(text: str, vllm: dict[str, Any]) -> None:
    script = 'VLLM_API_KEY=$$(cat /run/secrets/vllm-key); export VLLM_API_KEY; exec "$$0" "$$@"'
    assert vllm["entrypoint"] == ["sh", "-c", script]
    assert "VLLM_API_KEY" not in vllm["environment"]
    assert "--api-key" not in text


def test_vllm_runs_offline_and_tells_nobody(vllm: dict[str, Any]) -> None:
    wanted = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    assert wanted.items() <= vllm["environment"].items()
    assert {"--no-enable-log-requests", "--disable-uvicorn-access-log"} <= set(vllm["command"])


def test_the_container_has_no_rights_to_spare(vllm: dict[str, Any]) -> None:
    assert (vllm["cap_drop"], vllm["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


def test_names_are_asked_of_nobody(vllm: dict[str, Any]) -> None:
    """Docker's own resolver sits outside the seal; it asks only whom the container may ask."""
    assert vllm["dns"] == ["192.0.2.1"]


def test_its_log_cannot_fill_the_disk(vllm: dict[str, Any]) -> None:
    assert vllm["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


def test_the_bridge_has_the_name_that_the_seal_knows(text: str) -> None:
    options = yaml.safe_load(text)["networks"]["daybox"]["driver_opts"]
    assert options["com.docker.network.bridge.name"] == "daybox0"
    assert options["com.docker.network.bridge.enable_ip_masquerade"] == "false"


def test_values_of_the_environment_are_text(vllm: dict[str, Any]) -> None:
    assert all(isinstance(value, str) for value in vllm["environment"].values())


@pytest.mark.parametrize(("stack", "gpu"), [("local", False), ("coder-30b", True)])
def test_a_gpu_is_reserved_where_there_is_one(stack: str, gpu: bool, tmp_path: Path) -> None:
    service = yaml.safe_load(compose(stack, tmp_path))["services"]["vllm"]
    assert ("deploy" in service) == gpu
    assert ("--tensor-parallel-size=2" in service["command"]) == gpu


@pytest.mark.parametrize("stack", ["local", "coder-30b"])
def test_the_file_is_what_was_reviewed(stack: str, tmp_path: Path) -> None:
    text = compose(stack, tmp_path)
    assert text == golden(f"compose-{stack}.yaml", text)
