"""A log for what speaks HTTP here: that a request could not be read, and never a byte of it.

The library writes what it received beside its complaint: the middle of a prompt, where a client counted it wrong, or a
header with a key in it.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any


class NamesOnly(logging.Handler):
    """Writes the kind of an error; not its text, not its traceback, not what was to be logged with it."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        write_kind(record.exc_info[1] if record.exc_info else None)


def quiet_log() -> logging.Logger:
    """Of nobody's family: no configuration of logging makes it say more."""
    logger = logging.Logger("daybox.http", logging.ERROR)
    logger.addHandler(NamesOnly())
    return logger


def quiet_loop(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """For the event loop, which would write the whole error of a task that nobody waits for."""
    write_kind(context.get("exception"))


def write_kind(error: BaseException | None) -> None:
    """The name of an error's class, on a line of its own; a full disk is no reason to stop."""
    with suppress(OSError, ValueError):
        print(f"daybox/http: {type(error).__name__ if error else 'an error'}", file=sys.stderr, flush=True)
