"""What every fab command shares: one place that prints errors, and one way to print results."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit
from invoke.tasks import Task, task

from stacks.errors import DayboxError
from stacks.secrets import masked

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 128 + signal.SIGINT  # what a shell reports for Ctrl-C
BROKEN_PIPE = 128 + signal.SIGPIPE
FAULT = 1  # of ours, not foreseen


def command(**options: Any) -> Callable[[Callable[..., None]], "Task[Callable[..., None]]"]:
    """Make a fab command of a function: `@command(default=True, help={...})`, with Invoke's own options.

    It is Invoke's @task with our errors: a DayboxError becomes one line and its exit status.
    """

    def decorate(body: Callable[..., None]) -> "Task[Callable[..., None]]":
        made: Task[Callable[..., None]] = task(**options)(one_line_errors()(body))
        return made

    return decorate


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn a DayboxError into `path: fact; way out` and its exit status; a traceback only with DAYBOX_DEBUG=1.

    Whatever is shown is shown without the secrets that were read, a fault of ours included.
    """
    try:
        yield
    except DayboxError as error:
        if os.environ.get("DAYBOX_DEBUG") == "1":
            print_traceback()
        raise Exit(masked(error.line()), code=error.exit_code) from error
    except Exit:
        raise
    except KeyboardInterrupt:
        raise Exit("interrupted", code=INTERRUPTED) from None
    except BrokenPipeError:  # `fab models | head`: whoever read has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(code=BROKEN_PIPE) from None
    except Exception:
        print_traceback()
        raise Exit(code=FAULT) from None


def print_traceback() -> None:
    """The traceback of the error that is handled now, without secrets, on stderr."""
    print(masked(traceback.format_exc()), end="", file=sys.stderr)


def print_json(value: object) -> None:
    """Print `value` as JSON for programs: stdout, nothing else on it."""
    json.dump(value, sys.stdout, indent=2, default=str)
    print(flush=True)


def console(*, stderr: bool = False) -> "Console":
    """Where tables (stdout) and progress (stderr) go; rich itself respects NO_COLOR and pipes."""
    from rich.console import Console  # 60 ms: only commands that show something pay for it

    return Console(stderr=stderr, highlight=False)


def print_line(out: "Console", text: str) -> None:
    """A line that is no markup, however long: it may hold what somebody else wrote."""
    out.print(masked(text), markup=False, soft_wrap=True)


@contextmanager
def busy(word: str) -> Iterator[None]:
    """Say on a terminal's stderr what is waited for, as long as it lasts; elsewhere nothing."""
    with console(stderr=True).status(word):
        yield
