"""What `fab doctor` shows: what is wrong first, with its cure under it; then what is not known; then the rest."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from playbooks.command import print_line
from playbooks.doctor_check import Check, State
from playbooks.log_causes import Diagnosis
from playbooks.table import Column, show_table

if TYPE_CHECKING:
    from rich.console import Console

ORDER: tuple[State, ...] = ("wrong", "unknown", "ok", "not-applicable")
SHOWN: dict[State, str] = {"wrong": "WRONG", "unknown": "unknown", "ok": "ok", "not-applicable": "-"}
COLUMNS = (Column("STATE"), Column("CHECK"), Column("FACT, -> CURE"))


def row(stack: str | None, checks: Iterable[Check], diagnosis: Diagnosis | None) -> dict[str, Any]:
    """As `--json` prints it. stack: null if none is known."""
    return {
        "stack": stack,
        "checks": [check.row() for check in checks],
        "diagnosis": diagnosis.row() if diagnosis else None,
    }


def show(out: "Console", checks: Sequence[Check], diagnosis: Diagnosis | None) -> None:
    """The table, what vLLM's log comes to if that is anything, and the sum."""
    show_table(out, COLUMNS, lines(checks))
    if diagnosis and diagnosis.cause != "healthy":
        print_line(out, f"vLLM: {sentence(diagnosis)}")
    print_line(out, summary(checks))


def lines(checks: Iterable[Check]) -> list[tuple[str, str, str]]:
    """Rows of the table. Details have lines of their own, under the fact; a cure, where something is to be done."""
    found = list[tuple[str, str, str]]()
    for check in sorted(checks, key=lambda one: ORDER.index(one.state)):
        found.append((SHOWN[check.state], check.name, check.fact))
        found += [("", "", f"- {detail.words()}") for detail in check.details]
        if check.cure and check.state != "ok":
            found.append(("", "", f"-> {check.cure}"))
    return found


def sentence(diagnosis: Diagnosis) -> str:
    """A diagnosis on one line: cause, the line that shows it, cure."""
    return f"{diagnosis.cause}: {diagnosis.evidence or 'it said nothing'}; {diagnosis.cure}"


def summary(checks: Sequence[Check]) -> str:
    """How many of which."""
    states = [check.state for check in checks]
    counts = {state: states.count(state) for state in ORDER}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count)
