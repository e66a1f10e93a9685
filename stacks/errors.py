"""Every error a user may meet: a path, a fact, a way out, and the exit status of its kind."""

from collections.abc import Sequence


class DayboxError(Exception):
    """What went wrong (`fact`, which begins with its path) and what to do next (`hint`)."""

    exit_code = 1

    def __init__(self, fact: str, *, hint: str) -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint

    def line(self) -> str:
        """The error on one line: `path: fact; way out`."""
        return f"{self.fact}; {self.hint}"


class UsageError(DayboxError):
    """The command was asked for something it cannot mean."""

    exit_code = 2


class ConfigError(DayboxError):
    """A stack's settings, or a file of this laptop, are not as they must be."""

    exit_code = 3


def all_of(faults: Sequence[DayboxError]) -> ConfigError:
    """Every fault of one thing as one error, one a line. faults: at least one."""
    *others, last = faults
    return ConfigError("\n".join([*(fault.line() for fault in others), last.fact]), hint=last.hint)


class CloudError(DayboxError):
    """The cloud's API refused, did not answer, or answered what we must not trust."""

    exit_code = 4


class BoxError(DayboxError):
    """The box cannot be reached, is not the pinned one, or a stage of it failed."""

    exit_code = 5


class ModelError(DayboxError):
    """The model cannot be served, or does not answer as it should."""

    exit_code = 6


class NotReadyError(DayboxError):
    """What was waited for did not come in time."""

    exit_code = 7


class LeakError(DayboxError):
    """Something would lead code elsewhere than to the box, and daybox cannot overrule it."""

    exit_code = 8


class LeftError(DayboxError):
    """What should go was found, and is left for want of consent."""

    exit_code = 9
