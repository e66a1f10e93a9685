"""The carrier between this laptop and a pretend box behind a real ssh, with the box's own program."""

import json
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from playbooks import compile_carrier
from playbooks.compile_cache import DONE, Orders, folder, key, send
from playbooks.compile_carrier import carry
from stacks.errors import BoxError
from stacks.places import stack_dir
from stacks.ssh import Target
from templates import program
from tests.laptop import wait_for
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox

PARTS = ("vllm/vllm-openai:v0.33.0", "some/model", "main", "--max-model-len=4096")
CARD = "NVIDIA RTX 4000 Ada Generation, 580"
GRAPH = "torch_compile_cache/0123/graph.so"
READY = {"boot": "b", "bundle": "", "stages": [], "watchdog": {}, "vllm": "running", "ready": True}


@dataclass
class Place:
    """A pretend box, and how ssh reaches it."""

    box: PretendBox
    target: Target

    @property
    def cache(self) -> Path:
        """The box's compile cache."""
        return self.box.root / "var/lib/daybox/vllm-cache"

    def compile(self, text: str = "code") -> None:
        """What vLLM does at its start."""
        (self.cache / GRAPH).parent.mkdir(parents=True)
        (self.cache / GRAPH).write_text(text)

    def card(self, silent: int) -> None:
        """It has a card, whose driver answers when it was asked so often in vain."""
        for path, text in (("sys/bus/pci/devices/0/vendor", "0x10de\n"), ("asked", "")):
            (self.box.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.box.root / path).write_text(text)
        asked = f"echo >>{self.box.root}/asked; [ $(wc -l <{self.box.root}/asked) -gt {silent} ] || exit 9"
        self.box.program(
            PurePosixPath(self.box.root / "commands/nvidia-smi"), f"#!/bin/sh\n{asked}; echo '{CARD}.65.06'\n"
        )

    def answer(self, script: str) -> None:
        """In place of the box's program: what it does when it is asked for anything but its state."""
        state = '{"card": "c", "bytes": 9, "begun": false}'
        there = self.box.onbox.root / "opt/daybox/bin/cache"
        self.box.program(there, f"#!/bin/sh\n[ $1 = state ] && echo '{state}' || {{ {script}; }}\n")

    def say(self, **report: object) -> None:
        """From now on this is its report."""
        self.box.program(self.box.onbox.report, f"#!/bin/sh\ncat <<'E'\n{json.dumps(READY | report)}\nE\n")

    def carry(self, began: str = "lease bundle", minutes: float = 1) -> None:
        carry(Orders("local", BOX.alias, began, minutes, PARTS), self.target, self.box.onbox)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Place]]:
    """Two boxes, one after the other; neither has begun."""
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(compile_carrier, "LOOK_SECONDS", 0.1)
    with own_sshd(tmp_path / "sshd") as sshd:
        made = []
        for name in ("first", "second"):
            box = PretendBox(tmp_path / name, sshd)
            place = Place(box, box.target())
            there = box.onbox.root / "opt/daybox/bin"
            box.program(there / "cache.py", program("cache"))
            box.program(there / "cache", command(box.root, begun=False))
            place.say()
            made.append(place)
        yield made


def command(root: Path, *, begun: bool) -> str:
    """The box's program, with this folder as its root, and a docker that knows a container or none."""
    docker = f"mkdir -p {root}/commands; printf '#!/bin/sh\\n{'echo 0123' if begun else ''}\\n' >{root}/commands/docker"
    run = f'exec {sys.executable} {root}/opt/daybox/bin/cache.py "$@"'
    return f"#!/bin/sh\n{docker}; chmod +x {root}/commands/docker\nPATH={root}/commands:$PATH DAYBOX_ROOT={root}\n" + (
        f"export PATH DAYBOX_ROOT\n{run}\n"
    )


def kept() -> list[str]:
    return sorted(file.name for file in folder().iterdir())


def test_what_the_first_box_compiled_is_on_the_second_before_its_vllm_begins(places: list[Place]) -> None:
    first, second = places
    first.compile()
    first.carry()
    second.carry()
    assert (second.cache / GRAPH).read_text() == "code"


def test_it_is_kept_for_this_user_only_under_the_key_of_what_compiled_it(places: list[Place]) -> None:
    places[0].compile()
    places[0].carry()
    card = compile_carrier.state(places[0].target, f"{places[0].box.root}/opt/daybox/bin/cache")["card"]
    name = key(PARTS, str(card))
    assert kept() == [f"{name}.json", f"{name}.tar.gz"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder().iterdir()} == {0o600}


def test_what_a_card_compiled_is_kept_under_its_name_though_its_driver_came_late(places: list[Place]) -> None:
    """At the carrier's start a new box is still installing it; the processor's name would be a wrong key."""
    for place in places:
        place.card(silent=2)
    first, second = places
    first.compile()
    first.carry()
    second.carry()
    name = key(PARTS, f"1 x {CARD}")
    assert kept() == [f"{name}.json", f"{name}.tar.gz"]
    assert (second.cache / GRAPH).read_text() == "code"


def test_a_card_whose_driver_never_answers_keeps_nothing_under_another_name(places: list[Place]) -> None:
    place = places[0]
    place.card(silent=999)
    place.compile()
    place.box.program(place.box.onbox.root / "opt/daybox/bin/cache", command(place.box.root, begun=True))
    place.carry()
    assert kept() == []


def test_a_vllm_that_has_begun_is_left_alone(places: list[Place]) -> None:
    first, second = places
    first.compile()
    first.carry()
    second.box.program(second.box.onbox.root / "opt/daybox/bin/cache", command(second.box.root, begun=True))
    second.carry()
    assert not (second.cache / GRAPH).exists()


def test_a_kept_cache_is_not_fetched_again(places: list[Place]) -> None:
    places[0].compile()
    places[0].carry()
    [before] = folder().glob("*.tar.gz")
    inode = before.stat().st_ino
    places[0].carry("another bundle")
    assert before.stat().st_ino == inode


def test_what_compiled_nothing_leaves_nothing_and_is_done(places: list[Place]) -> None:
    places[0].carry()
    assert kept() == []
    assert (stack_dir("local") / DONE).read_text() == "lease bundle"


def test_a_cache_that_was_damaged_here_is_refused_there_and_not_kept(places: list[Place]) -> None:
    first, second = places
    first.compile()
    first.carry()
    [file] = folder().glob("*.tar.gz")
    file.write_bytes(file.read_bytes()[:-8])
    second.carry()
    assert not (second.cache / GRAPH).exists()
    assert kept() == []


@pytest.mark.parametrize("status", [1, 127, 137, 255], ids=["disk full", "no program", "killed", "no connection"])
def test_trouble_on_a_box_says_nothing_of_what_is_kept(places: list[Place], status: int) -> None:
    first, second = places
    first.answer("echo packed")
    first.carry()
    before = kept()
    second.answer(f"cat >/dev/null; exit {status}")
    second.carry()
    assert kept() == before != []


def test_a_box_that_takes_too_long_is_an_error_and_its_cache_is_kept(
    places: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = places
    first.answer("echo packed")
    first.carry()
    before = kept()
    second.answer("exec sleep 30")
    monkeypatch.setattr(compile_carrier, "CARRY_SECONDS", 1.0)
    with pytest.raises(BoxError, match="did not take its cache within 1 s"):
        second.carry()
    assert kept() == before != []


def test_a_box_that_never_becomes_ready_is_given_up(places: list[Place]) -> None:
    places[0].say(ready=False)
    with pytest.raises(BoxError, match="not ready after 0 minutes"):
        places[0].carry(minutes=0.02)
    assert not (stack_dir("local") / DONE).exists()


def test_a_box_that_breaks_off_leaves_no_half_cache(places: list[Place]) -> None:
    places[0].answer("echo half; exit 1")
    with pytest.raises(BoxError, match="did not come whole"):
        places[0].carry()
    assert kept() == []


def test_more_than_is_kept_is_cut_off(places: list[Place], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile_carrier, "MOST_BYTES", 1 << 20)
    places[0].answer("exec cat /dev/zero")
    with pytest.raises(BoxError, match="did not come whole"):
        places[0].carry()
    assert kept() == []


def test_a_box_without_the_program_is_an_error_and_changes_nothing(places: list[Place]) -> None:
    (places[0].box.root / "opt/daybox/bin/cache").unlink()
    with pytest.raises(BoxError, match="it does not tell of its cache"):
        places[0].carry()


def test_a_carrier_is_a_process_of_its_own_that_leaves_its_story_in_a_log(places: list[Place], tmp_path: Path) -> None:
    """To the real ssh and back: this machine, which stands for the box, has no such program."""
    send(Orders("local", BOX.alias, "lease bundle", 0.05, PARTS))
    log = tmp_path / "state/stacks/local/compile-cache.log"
    wait_for(lambda: "it does not tell of its cache" in log.read_text())
    assert "Traceback" not in log.read_text()
