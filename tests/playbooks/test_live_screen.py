"""The live screen as text, 80 characters wide: every figure where it belongs, and `–` for what is not known."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from playbooks.cards import parse_cards
from playbooks.live_screen import cards_of, panel
from playbooks.metrics import STARTED, Metrics
from playbooks.pulse import DRAFTS, KV, NO_PROGRAM, PREFIX, RUNNING, TOKENS_IN, TOKENS_OUT, WAITING, Look, Pulse
from playbooks.status import Seen, SweepLine
from playbooks.status_table import LOUD
from playbooks.status_watch import Screen
from tests.playbooks import nvidia_smi
from tests.playbooks.pretend_box import BOX
from tests.playbooks.test_standing import NOW, REPORT, WATCHDOG, up

BEFORE = Metrics(
    {STARTED: 1, TOKENS_IN: 50_000, TOKENS_OUT: 9_000, PREFIX[0]: 40_000, PREFIX[1]: 50_000, DRAFTS[0]: 0, DRAFTS[1]: 0}
)
AFTER = Metrics(
    {
        STARTED: 1,
        TOKENS_IN: 52_468,
        TOKENS_OUT: 9_091.2,
        RUNNING: 1,
        WAITING: 0,
        KV: 0.1234,
        PREFIX[0]: 42_300,
        PREFIX[1]: 52_500,
        DRAFTS[0]: 620,
        DRAFTS[1]: 1_000,
    }
)
CARDS = parse_cards(nvidia_smi.TWO)
BUSY = Pulse((Look(10, BEFORE, CARDS), Look(12, AFTER, CARDS)))
WORKING = up(report=replace(REPORT, watchdog=replace(WATCHDOG, idle_minutes=0.2)), tokens=61_559, told=NOW)
QUIET = up(report=replace(REPORT, watchdog=replace(WATCHDOG, idle_minutes=12.0, kept_until=None)), tokens=12_345)


@pytest.fixture(autouse=True)
def _on_a_wall_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def shown(pulse: Pulse, cards: int = 0, **other: Any) -> str:
    """A panel as text. other: fields of the row of `fab status`."""
    return "\n".join(line.text for line in panel(QUIET.row(NOW) | other, pulse, NOW, cards))


def test_a_busy_box_with_two_cards() -> None:
    row = WORKING.row(NOW) | {"next_end": {"at": "2026-11-21T10:55:00Z", "why": "idle for 30 min"}, "kept_until": None}
    assert "\n".join(line.text for line in panel(row, BUSY, NOW, 2)) == (
        "local: box 12345678, local-cpu\n"
        "  GPU 0         87 %   18.0 of 20.0 GiB  61 °C   71 W   RTX 4000 Ada Generation\n"
        "  GPU 1          9 %   18.0 of 20.0 GiB  58 °C   70 W   RTX 4000 Ada Generation\n"
        "  tokens/s     1,234 in, 45.6 out\n"
        "  requests     1 running, 0 waiting\n"
        "  KV cache     12 % in use\n"
        "  prefix hits  92 % in the last minute, 81 % overall\n"
        "  drafts taken 62 % in the last minute, 62 % overall\n"
        "  idle         busy; ends at 11:55: idle for 30 min\n"
        "  cost         $0.30 so far, next hour in 30 min; served 61,559 tokens"
    )


def test_a_box_of_which_nothing_is_known_yet() -> None:
    names = ("idle_minutes", "idle_since", "next_end", "dies_at", "kept_until", "armed", "action")
    unknown: dict[str, Any] = dict.fromkeys((*names, "tokens", "usd", "next_hour_minutes"))
    assert shown(Pulse(), **unknown) == (
        "local: box 12345678, local-cpu; nothing heard yet\n"
        "  GPU          –\n"
        "  tokens/s     – in, – out\n"
        "  requests     – running, – waiting\n"
        "  KV cache     – in use\n"
        "  prefix hits  – in the last minute, – overall\n"
        "  idle         –\n"
        "  cost         ? so far, next hour –; served – tokens"
    )


def test_a_box_without_a_card_says_so_and_a_series_that_is_missing_is_not_0() -> None:
    lines = shown(Pulse((Look(12, Metrics({STARTED: 1, RUNNING: 0})),)), 0).splitlines()
    assert lines[1:5] == [
        "  tokens/s     – in, – out",
        "  requests     0 running, – waiting",
        "  KV cache     – in use",
        "  prefix hits  – in the last minute, – overall",
    ]


@pytest.mark.parametrize(
    ("look", "cards", "line"),
    [
        (Look(1, None, (), NO_PROGRAM), 0, "  GPU          no GPU (CPU)"),
        (Look(1, None, (), NO_PROGRAM), 2, "  GPU          no nvidia-smi: its driver is not there yet"),
        (Look(1, None, (), "nvidia-smi: no answer within 5 s"), 1, "  GPU          nvidia-smi: no answer within 5 s"),
        (
            Look(1, None, parse_cards(nvidia_smi.SILENT)),
            1,
            "  GPU 0          – %   – of 40.0 GiB      – °C    – W   A100-SXM4-40GB MIG 1g.5gb",
        ),
    ],
)
def test_what_is_known_of_the_cards(look: Look, cards: int, line: str) -> None:
    assert shown(Pulse((look,)), cards).splitlines()[1] == line


def test_a_vllm_that_does_not_answer_has_no_figures() -> None:
    lines = shown(Pulse((Look(1, None, (), NO_PROGRAM),))).splitlines()
    assert lines[2] == "  vLLM         does not answer" and lines[3].startswith("  idle ")


def test_a_box_that_is_not_heard_of_is_loud_and_its_figures_are_old() -> None:
    [head, *_] = panel(QUIET.row(NOW), replace(BUSY, age=31.0, trouble="box/daybox-7: not reached"), NOW, 2)
    assert head.text == "local: box 12345678, local-cpu; last heard 31 s ago: box/daybox-7: not reached"
    assert head.style == LOUD


def test_a_late_look_says_how_late() -> None:
    [head, *_] = panel(QUIET.row(NOW), replace(BUSY, age=9.0), NOW, 2)
    assert head.text.endswith("; last heard 9 s ago")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({}, "12 min, since 11:18; ends at Wed 12:06: the lease has ended"),
        ({"armed": False}, "12 min, since 11:18; WOULD END at Wed 12:06: the lease has ended"),
        ({"next_end": None}, "12 min, since 11:18; ends at 19:00: the hard end of its lease"),
        ({"kept_until": "2026-11-21T12:00:00Z", "next_end": None}, "; kept until 13:00"),
        ({"action": "delete"}, "IT IS BEING DELETED"),
    ],
)
def test_what_being_idle_leads_to(row: dict[str, Any], words: str) -> None:
    [line] = [line for line in shown(BUSY, **row).splitlines() if line.startswith("  idle")]
    assert line.endswith(words)


def test_an_open_tunnel_is_told_with_the_cost() -> None:
    assert shown(BUSY, tunnel={"port": 18_001, "alive": True}).endswith("served 12,345 tokens; tunnel on port 18001")


def test_how_many_cards_a_plan_has() -> None:
    assert (cards_of("local-cpu"), cards_of("g2-gpu-rtx4000a2-s"), cards_of("of tomorrow")) == (0, 2, 0)


class Known:
    """What was heard of boxes that are all busy."""

    def __init__(self, *instance_ids: int) -> None:
        self._ids = instance_ids

    def pulses(self) -> dict[int, Pulse]:
        """By instance id."""
        return dict.fromkeys(self._ids, BUSY)


def test_what_is_loud_is_seen_on_a_small_screen_with_two_boxes(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich cuts off at the bottom what a terminal has no lines for."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    file = io.StringIO()
    out = Console(file=file, width=80, height=24, color_system=None, force_terminal=True, no_color=True)
    screen = Screen(lambda: None, 5, Known(BOX.instance_id, 7), out)  # type: ignore[arg-type, return-value]
    unarmed = up(stack="coder", instance_id=7, word="not armed: the API refuses its token").row(NOW) | {"armed": False}
    screen._seen = Seen(NOW, [WORKING.row(NOW), unarmed], [SweepLine("NO SECOND KILLER: nobody sweeps", loud=True)])
    screen._trouble = "cloud/linode: 401"
    with Live(screen, console=out, screen=True, auto_refresh=False) as live:
        live.refresh()
    lines = [line.strip() for line in file.getvalue().rpartition("as of ")[2].splitlines()]
    loud = [screen._trouble, "coder: not armed: the API refuses its token", "NO SECOND KILLER: nobody sweeps"]
    assert [line for line in lines if line in loud] == loud and "local: box 12345678, local-cpu" in lines


def test_the_whole_screen_fits_80_columns_without_colour(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))

    out = Console(file=io.StringIO(), width=80, color_system=None, force_terminal=True, no_color=True)
    screen = Screen(lambda: None, 5, Known(BOX.instance_id), out)  # type: ignore[arg-type, return-value]
    row = WORKING.row(NOW) | {"next_end": {"at": "2026-11-21T10:55:00Z", "why": "idle for 30 min"}, "kept_until": None}
    screen._seen = Seen(NOW, [row], [])
    out.print(screen)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines[0].startswith("as of 11:30:00, ")
    assert "\x1b" not in text and all(len(line) <= 80 for line in lines)
    assert lines[1:] == [
        "",
        "stack state box        age  cost next hour  idle ends in armed ready",
        "local up    12345678 2.5 h $0.30    30 min 0 min  25 min yes   yes",
        "",
        "local: box 12345678, local-cpu",
        "  GPU 0         87 %   18.0 of 20.0 GiB  61 °C   71 W   RTX 4000 Ada Generation",
        "  GPU 1          9 %   18.0 of 20.0 GiB  58 °C   70 W   RTX 4000 Ada Generation",
        "  tokens/s     1,234 in, 45.6 out",
        "  requests     1 running, 0 waiting",
        "  KV cache     12 % in use",
        "  prefix hits  92 % in the last minute, 81 % overall",
        "  drafts taken 62 % in the last minute, 62 % overall",
        "  idle         busy; ends at 11:55: idle for 30 min",
        "  cost         $0.30 so far, next hour in 30 min; served 61,559 tokens",
        "",
        "prices: 127.0.0.1:9 2026-11-21",
    ]


def test_what_a_second_model_does_has_a_line_of_its_own() -> None:
    looks = (Look(10, BEFORE, two=True, architect=BEFORE), Look(12, AFTER, two=True, architect=AFTER))
    assert "  architect    1,234 in, 45.6 out tokens/s, 1 running" in shown(Pulse(looks)).splitlines()
    assert "  architect    does not answer" in shown(Pulse((Look(10, BEFORE, two=True),))).splitlines()
    assert "architect" not in shown(BUSY)
