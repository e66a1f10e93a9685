"""One check of `fab doctor`: what was found, and a way to ask so that one broken check never stops the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from stacks.errors import BoxError, CloudError, ConfigError, DayboxError, LeakError, ModelError
from stacks.printable import printable

State = Literal["ok", "wrong", "unknown", "not-applicable"]
T = TypeVar("T")
LONGEST_TEXT = 1000  # characters
# Whose exit status is taken if several are wrong. That code would go elsewhere (8) is graver than that nothing works;
# then what keeps everything else from working comes first: box (5), model (6), cloud (4), config (3).
GRAVEST = (LeakError, BoxError, ModelError, CloudError, ConfigError)


@dataclass(frozen=True)
class Detail:
    """One place that leads a client elsewhere. effect: what the launcher does about it; why: it can do no more."""

    place: str
    names: tuple[str, ...]
    effect: Literal["overruled", "not started"]
    why: str = ""

    def words(self) -> str:
        """For people."""
        why = f", {self.why}" if self.why else ""
        return one_line(f"{self.place}: {', '.join(self.names)}: {self.effect}{why}")

    def row(self) -> dict[str, Any]:
        """As `fab doctor --json` prints it."""
        return {"place": self.place, "names": list(self.names), "effect": self.effect, "why": self.why}


@dataclass(frozen=True)
class Finding:
    """What one look found. fact: for people; cure: what to do about it, empty if nothing is to be done.

    kind: of the error that it is if wrong; None: that of its question. details: each has a line of its own.
    """

    state: State
    fact: str
    cure: str = ""
    kind: type[DayboxError] | None = None
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Question(Generic[T]):
    """One look. name: `laptop/ssh`, `box/disk`. kind: of the error that it is if something is wrong."""

    name: str
    kind: type[DayboxError]
    ask: Callable[[T], Finding]


@dataclass(frozen=True)
class Check:
    """A question and what was found."""

    name: str
    state: State
    fact: str
    cure: str
    kind: type[DayboxError]
    details: tuple[Detail, ...] = ()

    def row(self) -> dict[str, Any]:
        """As `fab doctor --json` prints it: the fact is whole there, and where there are details they are rows, too."""
        fact = "; ".join([self.fact, *(detail.words() for detail in self.details)])
        row = {"name": self.name, "state": self.state, "fact": fact, "cure": self.cure}
        return row | ({"conflicts": [detail.row() for detail in self.details]} if self.details else {})


def ok(fact: str) -> Finding:
    """Nothing is wrong here."""
    return Finding("ok", fact)


def wrong(fact: str, cure: str, kind: type[DayboxError] | None = None, *, details: Iterable[Detail] = ()) -> Finding:
    """Something is, and what cures it."""
    return Finding("wrong", fact, cure, kind, tuple(details))


def unknown(why: str, cure: str = "") -> Finding:
    """It could not be asked."""
    return Finding("unknown", why, cure)


def no_matter(why: str, cure: str = "") -> Finding:
    """There is nothing to ask."""
    return Finding("not-applicable", why, cure)


def faulty(error: DayboxError) -> Finding:
    """An error that is itself what is wrong."""
    return wrong(error.fact, error.hint, type(error))


def all_answered(questions: Iterable[Question[T]], about: T) -> list[Check]:
    """Every question asked."""
    return [answered(question, about) for question in questions]


def answered(question: Question[T], about: T) -> Check:
    """One question asked. Whatever it raises makes it unknown, and says why."""
    try:
        found = question.ask(about)
    except DayboxError as error:
        found = unknown(error.fact, error.hint)
    except Exception as error:  # the check itself is broken: the others are still worth something
        found = unknown(f"this check broke: {type(error).__name__}: {error}")
    kind = found.kind or question.kind
    return Check(question.name, found.state, one_line(found.fact), one_line(found.cure), kind, found.details)


def unasked(questions: Iterable[Question[Any]], why: str, cure: str = "") -> list[Check]:
    """The same questions where nobody can be asked."""
    return [Check(one.name, "unknown", one_line(why), one_line(cure), one.kind) for one in questions]


def one_line(text: str) -> str:
    """Facts come from files and boxes: as a terminal may show them, on one line."""
    line = " | ".join(text.strip().splitlines())
    return printable(line[:LONGEST_TEXT]).strip()


def wrongs(checks: Iterable[Check]) -> list[Check]:
    """Those that are wrong."""
    return [check for check in checks if check.state == "wrong"]


def gravest(checks: Iterable[Check]) -> type[DayboxError]:
    """The error that wrong checks come to. checks: at least one."""
    return min((check.kind for check in checks), key=rank)


def rank(kind: type[DayboxError]) -> int:
    """How early it comes in GRAVEST; what is not there comes last."""
    return next((place for place, one in enumerate(GRAVEST) if issubclass(kind, one)), len(GRAVEST))
