"""README says of commands what the code does: their table is written from it, and every `fab` word is one."""

import re
import shlex
from collections.abc import Iterator

import pytest
from invoke.parser import Parser

import playbooks
from tests.commands import BEGIN, END, README, Command, commands, order, table, written

TEXT = README.read_text()
COMMANDS = {command.name: command for command in commands()}
FABS_OWN = {"-l", "--list", "--help", "--version", "--print-completion-script", "--search-root"}
CODE = re.compile(r"`([^`\n]+)`")
ENDS = re.compile(r"[;|&#)]|--$|,$")  # of one command line, or of what of a sentence belongs to it


def code() -> Iterator[str]:
    """Everything in README that is meant to be typed: what stands in marks, and the lines of blocks."""
    fenced = False
    for line in TEXT.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.partition(" # ")[0]
        else:
            yield from CODE.findall(line)


def typed() -> list[tuple[str, ...]]:
    """The words after each `fab` that is meant to be typed."""
    found = (part.split() for text in code() for part in re.split(r"(?:^|(?<=[\s(\"/]))fab (?=[a-z-])", text)[1:])
    return sorted({tuple(words) for words in found if words})


@pytest.mark.parametrize("words", typed(), ids=" ".join)
def test_every_fab_word_in_readme_is_a_command_with_those_flags(words: tuple[str, ...]) -> None:
    assert faults(words) == []


def faults(words: tuple[str, ...]) -> list[str]:
    """What of these words no command knows."""
    found, command = list[str](), None
    for word in words:
        name, last = word.rstrip(',;:.)"'), bool(ENDS.search(word))
        if name in COMMANDS:
            command = COMMANDS[name]
        elif name.startswith("-") and name != "--":
            known = command.names_of_flags if command else set()
            found += [] if name.partition("=")[0] in known | FABS_OWN else [name]
        elif command is None and not set(words) & FABS_OWN:
            found += [name]
        if last or word == "--":
            break
    return found


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("status --watch", []),
        ("tunnel launch-aider -- --no-such", []),
        ("statsu", ["statsu"]),
        ("status --wtach", ["--wtach"]),
        ("tunnel --watch", ["--watch"]),
        ("-l", []),
    ],
)
def test_a_word_that_is_none_is_found(line: str, wrong: list[str]) -> None:
    assert faults(tuple(line.split())) == wrong


def test_readmes_table_of_commands_is_the_codes() -> None:
    assert written(TEXT) == TEXT, "README's table is of other code: python -m tests.commands"


def test_the_table_has_a_row_for_each_command() -> None:
    rows = table().splitlines()
    assert (rows[0], rows[-1]) == (BEGIN, END)
    assert len(rows) == len(COMMANDS) + 4 and len(COMMANDS) >= len(order()) > 10
    assert {row.count(" | ") for row in rows[1:-1] if "---" not in row} == {3}


def test_a_table_of_other_code_is_written_anew_and_all_else_is_left() -> None:
    assert written(f"a\n{BEGIN}\nold\n{END}\nb\n") == f"a\n{table()}\nb\n"
    with pytest.raises(ValueError, match="lacks the marks"):
        written("a\nb\n")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_says_what_it_does_and_gives_an_example_of_itself(command: Command) -> None:
    assert command.does.endswith((".", "?")) and len(command.does) <= 75
    called = [name for name in (command.name, command.name.partition(".")[0]) if f"fab {name}" in command.example]
    assert called, f"{command.name}: its docstring ends with no `Example: fab {command.name} …`"


@pytest.mark.parametrize("line", [line for command in COMMANDS.values() for line in command.lines])
def test_every_example_can_be_typed_as_it_stands(line: str) -> None:
    Parser(contexts=playbooks.namespace.to_contexts()).parse_argv(shlex.split(line)[1:])


def test_a_stack_that_means_something_else_is_in_the_table() -> None:
    rows = {command.name: command.row() for command in COMMANDS.values()}
    assert "`--stack STACK`" in rows["sweep"] and "--stack" not in rows["verify"].partition("fab verify --")[0]
