"""Editors and pages: what is printed is what each of them reads, and the key is never printed."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from playbooks.clients.client import OwnFile, Shown
from playbooks.clients.shown import (
    OPEN_WEBUI_KEPT,
    REFUSED_CLIENTS,
    SHOWN_CLIENTS,
    continue_files,
    key_file,
    open_webui_lines,
    zed_files,
)
from scripts.installer.paths import clients_folder
from stacks.places import write_private
from stacks.webui import FIXED
from tests.playbooks.clients.real_client import way_for
from tests.playbooks.fake_box import CLIENT_KEY, SERVED

WAY = way_for(Path("/a f/s"))
TWO = replace(WAY, architect="planner", architect_window_tokens=65_536)
SCHEMA = "node_modules/@continuedev/config-yaml"  # Continue's own check of its file; set-up brings it
# Zed's own types of what we set. Source: crates/settings_content/src, agent.rs, language_model.rs, settings_content.rs
# of Zed; read 2026-11-26. A tuple: this key is a list of these.
CHOICE = {"provider": str, "model": str}
ZED: dict[str, Any] = {
    "language_models": {
        "openai_compatible": {
            "*": {
                "api_url": str,
                "available_models": (
                    {
                        "name": str,
                        "display_name": str,
                        "max_tokens": int,
                        "max_output_tokens": int,
                        "capabilities": {
                            "tools": bool,
                            "images": bool,
                            "parallel_tool_calls": bool,
                            "prompt_cache_key": bool,
                        },
                    },
                ),
            }
        }
    },
    "agent": {
        "default_model": CHOICE,
        "inline_assistant_model": CHOICE,
        "commit_message_model": CHOICE,
        "thread_summary_model": CHOICE,
        "subagent_model": CHOICE,
    },
    "edit_predictions": {"provider": str},
    "telemetry": {"diagnostics": bool, "metrics": bool},
    "auto_update": bool,
}


def faults(value: Any, shape: Any, path: str = "") -> list[str]:
    """Where a value is not of this shape."""
    if isinstance(shape, tuple):
        return [fault for at, one in enumerate(value) for fault in faults(one, shape[0], f"{path}/{at}")]
    if not isinstance(shape, dict):
        return [] if type(value) is shape else [f"{path}: {value!r} is no {shape.__name__}"]
    known = {key: shape.get(key, shape.get("*")) for key in value}
    return [
        fault
        for key, one in value.items()
        for fault in (faults(one, known[key], f"{path}/{key}") if known[key] else [f"{path}/{key}: unknown"])
    ]


@pytest.mark.parametrize("way", [WAY, TWO], ids=["one", "two"])
def test_zeds_settings_are_of_zeds_own_types(way: Any) -> None:
    (own,) = zed_files(way)
    assert faults(own.values, ZED) == []


def test_the_check_of_types_finds_a_fault() -> None:
    assert faults({"auto_update": "no", "telemetri": {}}, ZED) == [
        "/auto_update: 'no' is no bool",
        "/telemetri: unknown",
    ]


def test_zed_asks_the_boxs_model_for_everything_it_asks_a_model_for() -> None:
    (own,) = zed_files(WAY)
    assert isinstance(own.values, dict)
    assert set(map(str, own.values["agent"].values())) == {str({"provider": "daybox", "model": SERVED})}
    assert own.values["edit_predictions"] == {"provider": "none"}


def test_zeds_text_holds_the_json_that_is_merged() -> None:
    (own,) = zed_files(WAY)
    text = text_of("zed")
    assert json.loads(text[text.index("{") : text.rindex("}\n\nIts key") + 1]) == own.values


def test_continues_text_holds_the_yaml_that_is_merged_but_for_the_key() -> None:
    (own,) = continue_files(WAY)
    text = text_of("continue")
    printed = yaml.safe_load(text[text.index("name:") : text.index("\nIts key")])
    assert isinstance(own.values, dict)
    assert printed["models"][0].pop("apiKey") != own.values["models"][0].pop("apiKey") == CLIENT_KEY
    assert printed == own.values


@pytest.mark.skipif(not (clients_folder() / SCHEMA).is_dir(), reason="no @continuedev/config-yaml: scripts/setup")
@pytest.mark.parametrize("way", [WAY, TWO], ids=["one", "two"])
def test_continues_own_schema_takes_the_file_and_refuses_another(way: Any) -> None:
    (own,) = continue_files(way)
    assert continue_says(own) == []
    assert continue_says(replace(own, values={**own.values, "models": [{"name": "n"}]}))  # type: ignore[dict-item]


def continue_says(own: OwnFile) -> list[Any]:
    """What Continue's own check finds wrong."""
    asked = (
        "import { validateConfigYaml } from '@continuedev/config-yaml'; import { readFileSync } from 'fs';"
        "console.log(JSON.stringify(validateConfigYaml(JSON.parse(readFileSync(0, 'utf8')))))"
    )
    words = ["node", "--input-type=module", "-e", asked]
    given = json.dumps(own.values)
    done = subprocess.run(words, cwd=clients_folder(), input=given, capture_output=True, text=True, check=True)
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("way", [WAY, TWO], ids=["one", "two"])
def test_continues_answers_and_windows_leave_room_for_a_prompt(way: Any) -> None:
    """Its own check warns below 1000 tokens."""
    (own,) = continue_files(way)
    assert isinstance(own.values, dict)
    for model in own.values["models"]:
        limits = model["defaultCompletionOptions"]
        assert limits["contextLength"] - limits["maxTokens"] >= 1000


def test_open_webuis_variables_are_those_that_were_tried_with_it() -> None:
    assert set(OPEN_WEBUI_KEPT) <= set(FIXED)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_reads_open_webuis_lines_and_the_key_from_its_file(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    way = way_for(tmp_path / "a folder")
    write_private(key_file(way), CLIENT_KEY)
    lines = f"{open_webui_lines(way)}\nenv"
    said = subprocess.run(
        [shell, "-euc", lines], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    known = dict(line.partition("=")[::2] for line in said.stdout.splitlines())
    assert (known["OPENAI_API_KEY"], known["OPENAI_API_BASE_URL"]) == (CLIENT_KEY, way.base)
    assert {name: known[name] for name in OPEN_WEBUI_KEPT} == {name: FIXED[name] for name in OPEN_WEBUI_KEPT}


@pytest.mark.parametrize("row", SHOWN_CLIENTS, ids=lambda row: row.name)
def test_no_text_holds_the_key_and_each_says_what_is_not_protected(row: Shown) -> None:
    text = row.text(WAY)
    assert CLIENT_KEY not in text
    assert "\nNot protected: " in text
    assert max(map(len, text.splitlines())) <= 80


def test_cursor_is_refused_with_the_way_the_code_would_go() -> None:
    cursor, roo = REFUSED_CLIENTS
    assert "Cursor's servers" in cursor.reason
    assert "code leaves this laptop" in cursor.reason
    assert [name for name in ("Cline", "Kilo Code", "ZooCode") if name not in roo.instead] == []


def text_of(name: str) -> str:
    """What is printed for one of them."""
    return next(row.text(WAY) for row in SHOWN_CLIENTS if row.name == name)
