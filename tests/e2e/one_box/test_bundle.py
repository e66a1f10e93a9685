"""A git pull while a box is up: what it would restart is said, and a vLLM that serves is stopped by nobody unasked."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.laptop import Laptop

COMPOSE, REPORT = "/opt/daybox/compose.yaml", "/opt/daybox/bin/report"
PULLED = "len(words) not in (2,)"


@pytest.fixture(scope="module")
def pulled(laptop: Laptop, committed: Path) -> Iterator[Laptop]:
    """The box is ready, and the checkout has another compose file and another report than it was rented with."""
    files = {
        laptop.root / "templates/compose.yaml.j2": ("interval: 30s", "interval: 31s"),
        laptop.root / "templates/box/report.py": ("len(words) != 2", PULLED),
    }
    before = {file: file.read_text() for file in files}
    for file, (old, new) in files.items():
        assert old in before[file]
        file.write_text(before[file].replace(old, new, 1))
    yield laptop
    for file, text in before.items():
        file.write_text(text)
    laptop.run("fab bootstrap").ok()  # brings the old report again; vLLM never had another compose file
    assert json.loads(laptop.must("fab bootstrap --preview --json"))["same"]


def started(laptop: Laptop) -> str:
    """Since when vLLM's container runs, and which one it is."""
    return laptop.on_box("docker inspect --format '{{.State.StartedAt}} {{.Id}}' vllm")


def test_a_preview_says_what_would_restart_and_why_and_changes_nothing(pulled: Laptop) -> None:
    before = started(pulled)
    row = json.loads(pulled.must("fab bootstrap --preview --json"))
    assert (row["vllm"], row["serves"], row["stages"]) == ("restarts", True, ["vllm", "ready"])
    assert {COMPOSE, REPORT} <= set(row["files"])
    assert row["why"] == [f"{COMPOSE}: its container is made anew"]
    assert row["diff"] == ["-      interval: 30s", "+      interval: 31s"]
    said = pulled.must("fab bootstrap --preview")
    assert "vLLM restarts" in said and "+      interval: 31s" in said
    assert started(pulled) == before
    assert PULLED not in pulled.on_box(f"cat {REPORT}")


def test_without_a_word_it_gets_what_stops_nothing_and_the_rest_is_named(pulled: Laptop) -> None:
    before = started(pulled)
    done = pulled.run("fab bootstrap").ok()
    assert "local: ready; what was left stands above" in done.out
    assert f"local: NOT brought, because vLLM serves and would stop: {COMPOSE};" in done.err
    assert "bring it: fab bootstrap --stack local --yes" in done.err
    assert PULLED in pulled.on_box(f"cat {REPORT}")
    assert started(pulled) == before


@pytest.mark.parametrize("command", ["tunnel", "launch-aider -- --exit", "status --json"])
def test_no_other_command_stops_it_either(pulled: Laptop, repository: Path, command: str) -> None:
    before = started(pulled)
    pulled.run(f"fab {command}", repository).ok()
    assert started(pulled) == before


def test_a_checkout_that_was_not_brought_is_not_said_to_be_there(pulled: Laptop) -> None:
    """The stamp on the box is of what it has as a whole."""
    row = json.loads(pulled.must("fab bootstrap --preview --json"))
    assert (row["same"], REPORT in row["files"], COMPOSE in row["files"]) == (False, False, True)
    assert pulled.on_box("cat /opt/daybox/bundle.sha256") == "partly\n"
