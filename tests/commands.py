"""Every fab command as data, and the table of them in README, written from the code.

python -m tests.commands     writes the table into README
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.parser.argument import Argument
from invoke.tasks import Task

import playbooks
from playbooks.boxes import STACK_HELP

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN = "<!-- commands: written by `python -m tests.commands`; do not edit -->"
END = "<!-- commands: end -->"
HEAD = ["| command | what it does | flags | example |", "|---|---|---|---|"]
ADDED = re.compile(
    r'namespace\.add_(?:task\((\w+)\.(\w+)\)|collection\(Collection\.from_module\(\w+, name="(\w+)"\)\))'
)
EXAMPLE = "Example: "
STACK = "--stack"  # means nearly always the same, which is said once, above the table
TYPED = re.compile(r'(?:eval "\$\()?(fab [^,)]+)(?:\)")?')  # of an example, what is typed


@dataclass(frozen=True)
class Command:
    """One command. words: what stands without a flag; flags: with what they take; example: empty if it has none.

    own_stack: whether its --stack means something of its own.
    """

    name: str
    does: str
    words: tuple[str, ...]
    flags: tuple[str, ...]
    example: str
    own_stack: bool = False

    @property
    def names_of_flags(self) -> set[str]:
        """The flags alone, as they are typed; what stands without one may be said with it, too."""
        return {flag.split()[0] for flag in self.flags} | {f"--{word.lower()}" for word in self.words}

    @property
    def lines(self) -> list[str]:
        """What its example says to type."""
        return TYPED.findall(self.example)

    def row(self) -> str:
        """Its row of the table."""
        called = " ".join(["fab", self.name, *self.words])
        flags = [f"`{flag}`" for flag in self.flags if self.own_stack or not flag.startswith(STACK)]
        example = TYPED.sub(r"`\g<0>`", cell(self.example))
        return " | ".join([f"| `{called}`", cell(self.does), " ".join(flags) or "–", f"{example} |"])


def cell(text: str) -> str:
    """Text that ends no cell of a table."""
    return text.replace("|", "\\|")


@cache  # Invoke forgets a flag's help once it has been asked for it
def commands() -> tuple[Command, ...]:
    """Every command, in the order in which a user meets it."""
    return tuple(command for line in order() for command in added(playbooks.namespace, *line))


def order() -> list[tuple[str, str, str]]:
    """What playbooks adds to its namespace, in its order: module and task, or a collection's name.

    Invoke keeps tasks and collections apart, so the order between the two is only in the source.
    """
    return [(found[1] or "", found[2] or "", found[3] or "") for found in ADDED.finditer(inspect.getsource(playbooks))]


def added(namespace: Collection, module: str, attribute: str, name: str) -> Iterator[Command]:
    """The commands that one line of `order` adds."""
    if not name:
        yield described(named(namespace, f"playbooks.{module}", attribute))
        return
    inner = namespace.collections[name]
    for task in sorted(inner.tasks.values(), key=lambda task: task.name != inner.default):
        yield described(task, name if task.name == inner.default else f"{name}.{task.name}")


def named(namespace: Collection, module: str, attribute: str) -> "Task[Any]":
    """The task of that module."""
    meant = (module, attribute)
    found: list[Task[Any]] = [
        task for task in namespace.tasks.values() if (task.body.__module__, task.body.__name__) == meant
    ]
    return found[0]


def described(task: "Task[Any]", name: str = "") -> Command:
    """What the code says of one task."""
    lines = [line.strip() for line in inspect.cleandoc(task.__doc__ or "").splitlines()]
    example = next((line.removeprefix(EXAMPLE) for line in lines if line.startswith(EXAMPLE)), "")
    arguments = task.get_arguments()
    return Command(
        name=name or task.name,
        does=lines[0],
        words=tuple(str(argument.name).upper() for argument in arguments if argument.positional),
        flags=tuple(flag(argument) for argument in arguments if not argument.positional),
        example=example,
        own_stack=any(argument.name == "stack" and argument.help != STACK_HELP["stack"] for argument in arguments),
    )


def flag(argument: Argument) -> str:
    """A flag as it is typed, with a word for what it takes; what is on unless it is said, as it is turned off."""
    words = (["no"] if argument.default is True else []) + str(argument.name).split("_")
    dashed = f"--{'-'.join(words)}"
    return f"{dashed} {words[-1].upper()}" if argument.takes_value else dashed


def table() -> str:
    """All of them between the marks, as they stand in README."""
    return "\n".join([BEGIN, *HEAD, *(command.row() for command in commands()), END])


def written(readme: str) -> str:
    """README with the table of now. Raises ValueError if the marks are not there."""
    before, mark, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"README.md: lacks the marks {BEGIN!r} and {END!r}")
    return before + table() + after


if __name__ == "__main__":
    README.write_text(written(README.read_text()))
