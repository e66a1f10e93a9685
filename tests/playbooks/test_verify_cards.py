"""The cards' rows of `fab verify`: pass, fail or skip, each with a word."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.cards import parse_cards
from playbooks.verify_cards import NAMES, Told, card_rows, verdicts
from tests.playbooks import nvidia_smi
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import PretendBox

TWO = Told(parse_cards(nvidia_smi.TWO), nvidia_smi.TOPOLOGY_TWO)


def words(told: Told, plan_cards: int) -> list[tuple[str, str]]:
    """Outcome and word of each check."""
    return [(outcome, word) for _, outcome, word in verdicts(told, plan_cards)]


def test_two_good_cards_pass_and_their_link_is_said() -> None:
    assert words(TWO, 2) == [
        ("passed", "2 of 2: NVIDIA RTX 4000 Ada Generation"),
        ("passed", "580.95.05, persistence off"),
        ("passed", "GPU0-GPU1 PHB"),
    ]


def test_one_card_needs_no_link() -> None:
    one = Told(parse_cards(nvidia_smi.ONE), nvidia_smi.TOPOLOGY_ONE)
    assert words(one, 1)[1:] == [("passed", "580.95.05, persistence on"), ("passed", "one card")]


def test_without_a_gpu_in_the_plan_each_is_skipped() -> None:
    assert verdicts(Told(), 0) == [(name, "skipped", "no GPU") for name in NAMES]


def test_a_card_too_few_fails() -> None:
    assert words(TWO, 4)[0] == ("failed", "2 of 4: NVIDIA RTX 4000 Ada Generation")


def test_cards_of_two_kinds_fail() -> None:
    mixed = nvidia_smi.TWO.replace("RTX 4000 Ada Generation", "L4", 1)
    assert words(Told(parse_cards(mixed), nvidia_smi.TOPOLOGY_TWO), 2)[0][0] == "failed"


@pytest.mark.parametrize("driver", ["570.133.20", "unknown"])
def test_a_driver_that_is_too_old_or_unknown_fails(driver: str) -> None:
    old = Told(parse_cards(nvidia_smi.ONE.replace("580.95.05", driver)), nvidia_smi.TOPOLOGY_ONE)
    assert words(old, 1)[1] == ("failed", f"{driver}, persistence on; vLLM's image needs 580 or newer")


def test_a_card_that_has_fallen_off_the_bus_fails() -> None:
    outcome, word = words(Told(parse_cards(nvidia_smi.FALLEN), ""), 1)[0]
    assert outcome == "failed" and word.endswith("GPU 0 does not say how much memory it has")


def test_cards_of_whose_links_nothing_is_said_fail() -> None:
    assert words(Told(TWO.cards, ""), 2)[2] == ("failed", "nvidia-smi topo says nothing of GPU0-GPU1")


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (Told(trouble="nvidia-smi: not found"), "nvidia-smi: not found"),
        (Told(parse_cards(nvidia_smi.NONE)), "nvidia-smi names no card"),
    ],
)
def test_where_nvidia_smi_says_nothing_all_fail(told: Told, word: str) -> None:
    assert words(told, 1) == [("failed", word)] * 3


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    """A box whose commands lie in its own folder."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'box/bin'}:{os.environ['PATH']}")
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running)


def test_the_box_is_asked_for_its_cards_and_their_links(box: PretendBox) -> None:
    topology, cards = (f"cat <<'E'\n{text}E\n" for text in (nvidia_smi.TOPOLOGY_TWO, nvidia_smi.TWO))
    script = f"#!/bin/sh\nif [ $1 = topo ]; then {topology}else {cards}fi\n"
    box.program(box.onbox.root / "bin/nvidia-smi", script)
    rows = card_rows(box.target(), 2)
    assert [(row["check"], row["outcome"]) for row in rows] == [(name, "passed") for name in NAMES]
    assert rows[2]["word"] == "GPU0-GPU1 PHB"


def test_a_box_without_nvidia_smi_fails_with_what_its_shell_says(box: PretendBox) -> None:
    assert {row["outcome"] for row in card_rows(box.target(), 1)} == {"failed"}
    assert "nvidia-smi" in card_rows(box.target(), 1)[0]["word"]


def test_a_box_that_is_not_reached_fails_with_the_reason(box: PretendBox) -> None:
    box.sshd.stop()
    assert "not reached at 127.0.0.1" in card_rows(box.target(), 1)[0]["word"]
