"""Questions of a wizard: asked on a terminal, and elsewhere answered with what is usual."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stacks.errors import UsageError


@dataclass(frozen=True)
class Choice:
    """One answer and what is said of it."""

    value: str
    title: str


def choose(question: str, choices: Sequence[Choice], usual: str, *, ask: bool) -> str:
    """The value of one choice; the usual one if nobody is asked."""
    if not ask:
        return usual
    import questionary  # 0.2 s: only the wizard pays for it

    rows = [questionary.Choice(one.title, one.value) for one in choices]
    answer: str = questionary.select(question, rows, default=usual).unsafe_ask()
    return answer


def write(question: str, usual: str, check: Callable[[str], object], *, ask: bool) -> str:
    """A text that `check` takes, which raises ValueError(fact, hint); the usual one if nobody is asked."""
    if not ask:
        return usual
    import questionary

    answer: str = questionary.text(
        question, default=usual, validate=lambda text: fault(check, text) or True
    ).unsafe_ask()
    return answer


def fault(check: Callable[[str], object], text: str) -> str:
    """What is wrong with the text, in words; empty if nothing is."""
    try:
        check(text)
    except ValueError as error:
        return "; ".join(map(str, error.args))
    return ""


def given(name: str, text: str, check: Callable[[str], object]) -> str:
    """A flag's text, which `check` takes. Raises UsageError naming the flag."""
    if wrong := fault(check, text):
        fact, _, hint = wrong.partition("; ")
        raise UsageError(f"--{name}: {fact}", hint=hint or "see `fab --help` of this command")
    return text


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def agrees(question: str) -> bool:
    """Whether somebody at the terminal says yes; nothing said is a no."""
    try:
        answer = input(f"{question} [y/N] ")
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")


def must_agree(
    command: str, question: str, *, asked: str, can_ask: bool = True, unchanged: str = "nothing is changed"
) -> None:
    """Raises UsageError if nobody says yes. command: as `fab allow`; asked: the question as it is put to somebody."""
    if not can_ask or not on_terminal():
        raise UsageError(f"{command}: {question}", hint="nobody is here to be asked: say --yes")
    if not agrees(asked):
        raise UsageError(f"{command}: {unchanged}", hint="say y, or --yes")
