"""The display: a line for each change, or a table that counts on."""

import io

import pytest
from rich.console import Console

from playbooks.follow import Seen
from playbooks.progress import Lines, Live, changed, display
from playbooks.stages import Row
from tests.playbooks.pretend_box import BOOT, began, ran


def shown(*story: Seen) -> list[str]:
    """What Lines prints for a story."""
    out = Console(file=io.StringIO(), width=100)
    lines = Lines(out)
    with out.capture() as text:
        for seen in story:
            lines.show(seen)
    return text.get().splitlines()


def seen(*events: object, connected: bool = True) -> Seen:
    return Seen(BOOT, tuple(events), connected=connected)  # type: ignore[arg-type]


def test_each_change_is_one_line_and_shown_once() -> None:
    first, second = began("docker", 10), ran("docker", 10, 12)[1]
    assert shown(seen(first), seen(first), seen(first, second)) == [
        "   +0.0 s  docker: Docker …",
        "   +2.0 s  docker: done in 2.0 s",
    ]


def test_a_lost_connection_is_said_once_and_its_return_too() -> None:
    lost = seen(connected=False)
    assert shown(seen(), lost, lost, seen()) == [
        "connection lost: the box goes on, trying again",
        "connected again",
    ]


def test_before_the_first_connection_nothing_is_lost() -> None:
    assert shown(Seen(), seen()) == []


def test_changes_come_in_the_order_in_which_they_happened() -> None:
    rows = [Row("driver", "done", 1, 9), Row("docker", "running", 2), Row("image"), Row("vllm", "done", 1, 2)]
    assert [row.stage for row in changed(rows, {"vllm": "done"})] == ["docker", "driver"]


def test_the_live_table_counts_on_by_the_boxs_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1000.0)
    view, out = Live(), Console(width=100)
    view.show(Seen(BOOT, (began("docker", 1090.0),), {"docker": "unpacking"}, ahead=100.0, connected=True))
    with out.capture() as text:
        out.print(view)
    assert "docker +0.0 s 10.0 s running unpacking" in " ".join(text.get().split())


@pytest.mark.parametrize(
    ("boot", "word"), [("", "connecting"), (BOOT, "connection lost: the box goes on, trying again")]
)
def test_the_live_table_says_when_there_is_no_connection(boot: str, word: str) -> None:
    view, out = Live(), Console(width=100)
    view.show(Seen(boot))
    with out.capture() as text:
        out.print(view)
    assert text.get().splitlines()[-1] == word


def test_without_a_terminal_the_display_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with display() as view:
        assert isinstance(view, Lines)


def test_on_a_terminal_the_display_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playbooks.progress.console", lambda stderr: Console(file=io.StringIO(), force_terminal=True))
    with display() as view:
        assert isinstance(view, Live)
