"""Lets a command have a word of its own that may be left out: `fab switch MODEL`, and `fab switch --context N` alone.

Invoke has no such thing: a positional argument is required, and every other one is a flag (its own `optional` is for a
flag's value). So its check for missing words is told which may be missing; all else is Invoke's.
"""

from invoke.parser.parser import ParseMachine

_COMPLETE = ParseMachine.complete_context
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
