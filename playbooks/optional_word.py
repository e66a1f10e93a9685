"""Lets a command have a word of its own that may be left out: `fab switch MODEL`, and `fab switch --context N` alone;
and lets `fab COMMAND --help` be asked of a command that wants a word.

Invoke has no such thing: a positional argument is required, and every other one is a flag (its own `optional` is for a
flag's value). So its check for missing words is told which may be missing; all else is Invoke's.
"""

from invoke.parser.parser import ParseMachine

_COMPLETE, _HANDLE = ParseMachine.complete_context, ParseMachine.handle
_MAY_BE_MISSING: set[tuple[str, str]] = set()  # command, argument


def complete_context(machine: ParseMachine) -> None:
    """Invoke's own check at the end of each command, once words that may be missing are empty."""
    context = machine.context
    for argument in context.positional_args if context else ():
        if argument.value is None and (context.name, argument.name) in _MAY_BE_MISSING:
            argument.value = ""
    _COMPLETE(machine)


def may_be_missing(command: str, argument: str) -> None:
    """From now on this positional argument of this command is empty where it is left out."""
    _MAY_BE_MISSING.add((command, argument))
    # Its states call the method by name, so this is the one place.
    ParseMachine.complete_context = complete_context  # type: ignore[method-assign, assignment]


def handle(machine: ParseMachine, token: str) -> None:
    """Invoke's own look at the next word, but that `--help` is no word of a command that wants one."""
    context, initial = machine.context, machine.initial
    if token in ("-h", "--help") and context and initial and context.missing_positional_args:
        initial.flags["--help"].value = context.name
        for argument in context.missing_positional_args:
            argument.value = ""
        return
    _HANDLE(machine, token)


ParseMachine.handle = handle  # type: ignore[method-assign, assignment]
