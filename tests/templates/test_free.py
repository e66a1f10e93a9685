"""Freeing a disk: only what nobody needs goes, and each step says what it gave."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from templates import program
from tests.templates.conftest import OnBox

MIB = 2**20


@pytest.fixture
def box(onbox: OnBox) -> OnBox:
    """A box with two models, one of them the stack's, downloaded."""
    for name in ("docker", "journalctl", "apt-get"):
        onbox.command(name, "true")
    for store in (".tiny-1", ".tiny-2", ".other-1"):
        onbox.write(f"var/lib/daybox/models/{store}/model.safetensors", "x" * MIB)
    for name in ("tiny", "other"):
        (models(onbox) / name).symlink_to(models(onbox) / f".{name}-1")
    return onbox


def models(box: OnBox) -> Path:
    return box.root / "var/lib/daybox/models"


def freed(box: OnBox) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-"],
        input=program("free"),
        env=box.full_environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_other_models_go_and_the_stacks_own_stays_whole(box: OnBox) -> None:
    freed(box)
    left = sorted(path.name for path in models(box).iterdir())
    assert left == [".tiny-1", ".tiny-2", "tiny"]  # the second may be a download that goes on
    assert (models(box) / "tiny/model.safetensors").stat().st_size == MIB


def test_of_a_pinned_model_an_earlier_revision_goes_though_the_link_means_it(box: OnBox) -> None:
    """As on a volume that was made for one revision, when the catalog pins another."""
    new = "a" * 40
    box.facts(model={"revision": new})
    box.write(f"var/lib/daybox/models/.tiny-{new}/.model.safetensors.part", "x")
    freed(box)
    assert sorted(path.name for path in models(box).iterdir()) == [f".tiny-{new}", "tiny"]


@pytest.mark.parametrize("docker", ["echo 0123abcd", "exit 1"], ids=["it runs", "nobody knows"])
def test_what_a_vllm_that_runs_may_read_again_stays(box: OnBox, docker: str) -> None:
    box.facts(model={"revision": "a" * 40})
    box.command("docker", docker)
    freed(box)
    assert sorted(path.name for path in models(box).iterdir()) == [".tiny-1", "tiny"]


def test_weights_that_the_cloud_handed_in_are_not_touched(box: OnBox) -> None:
    handed = box.write("var/cache/daybox/models/third/model.safetensors", "x")
    (models(box) / "third").symlink_to(handed.parent)
    freed(box)
    assert handed.exists() and not (models(box) / "third").exists()


def test_every_step_says_what_it_gave(box: OnBox) -> None:
    rows = freed(box)
    assert [row["what"] for row in rows] == [
        "dangling images",
        "models that are not the stack's",
        "old journals",
        "package archives",
    ]
    assert all(isinstance(row["mib"], int) and not row["why"] for row in rows)
    assert box.calls() == [
        "docker image prune --force",
        "docker ps --quiet --filter name=^vllm(-architect)?$",
        "journalctl --rotate --vacuum-size=16M",
        "apt-get clean",
    ]


def test_a_step_that_fails_says_why_and_stops_no_other(box: OnBox) -> None:
    box.command("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    rows = freed(box)
    assert [row["why"] for row in rows] == ["Cannot connect to the Docker daemon", "", "", ""]
    assert not (models(box) / "other").exists()


def test_a_second_time_there_is_nothing_left_to_take(box: OnBox) -> None:
    freed(box)
    before = sorted(path.name for path in models(box).iterdir())
    freed(box)
    assert sorted(path.name for path in models(box).iterdir()) == before


def test_the_second_model_of_the_stack_stays_too(box: OnBox) -> None:
    box.facts(architect={"name": "other", "revision": "main"})
    freed(box)
    assert sorted(path.name for path in models(box).iterdir()) == [".other-1", ".tiny-1", ".tiny-2", "other", "tiny"]
