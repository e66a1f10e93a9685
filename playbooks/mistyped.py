"""A command line that nobody can mean is one line and exit status 2, as every other usage error.

Invoke prints its parser's word alone and exits with 1, which is ours for a fault of our own.
"""

import re
from collections.abc import Sequence

from invoke.exceptions import Exit, ParseError
from invoke.parser.context import ParserContext
from invoke.parser.parser import Parser, ParseResult

from stacks.errors import UsageError

ARGUMENT = re.compile(r"<Argument: ([\w-]+)[^>]*>")  # how Invoke names a flag that lacks its value
_PARSED = Parser.parse_argv


class Mistyped(ParseError, Exit):
    """Invoke prints it as its own, ends with an Exit's status, and completes a half-typed line from its context."""

    def __init__(self, fault: UsageError, context: ParserContext | None) -> None:
        ParseError.__init__(self, fault.line(), context)
        Exit.__init__(self, code=fault.exit_code)
        self.args = (fault.line(),)


def parsed(parser: Parser, words: Sequence[str]) -> ParseResult:
    """What Invoke's own parser makes of the words. Raises Mistyped in place of its ParseError."""
    try:
        return _PARSED(parser, list(words))
    except ParseError as error:
        command = error.context.name if error.context else None
        hint = f"fab --help {command}" if command else "fab --list shows every command"
        said = ARGUMENT.sub(r"--\1", str(error))
        fault = UsageError(f"fab{f' {command}' if command else ''}: {said}", hint=hint)
        raise Mistyped(fault, error.context) from None


def install() -> None:
    """From now on; Fabric makes its parser itself, so this is the one place."""
    Parser.parse_argv = parsed  # type: ignore[method-assign, assignment]
