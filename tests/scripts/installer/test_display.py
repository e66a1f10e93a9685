import io

import pytest

from scripts.installer.display import Display, Going


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


GOING = [Going("pulumi", 0.0, lambda: "compiling"), Going("aider", 5.0, lambda: "fetching")]


@pytest.fixture(autouse=True)
def at_twelve_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.installer.display.time.monotonic", lambda: 12.0)


def test_without_a_terminal_lines_are_plain_and_nothing_moves() -> None:
    out = io.StringIO()
    display = Display(out)
    display.line("aider: done")
    display.tick(GOING)
    assert out.getvalue() == "aider: done\n"


def test_without_a_terminal_a_long_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    display = Display(out)
    monkeypatch.setattr("scripts.installer.display.time.monotonic", lambda: 80.0)
    display.tick(GOING)
    assert out.getvalue() == "  … pulumi 80 s  aider 75 s\n"


def test_a_terminal_shows_all_that_goes_on_and_what_the_longest_says() -> None:
    out = Terminal()
    Display(out).tick(GOING)
    assert out.getvalue() == "\r\x1b[K  pulumi 12 s  aider 7 s  compiling"


def test_a_line_that_stays_replaces_the_moving_one() -> None:
    out = Terminal()
    Display(out).line("aider: done")
    assert out.getvalue() == "\r\x1b[Kaider: done\n"


def test_nothing_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    out = Terminal()
    Display(out).tick(GOING)
    assert out.getvalue() == "\r\x1b[K  pulumi 12 s  aide"
