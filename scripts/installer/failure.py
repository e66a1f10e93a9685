"""The one error of set-up: what stands in the way of a part, and what to do."""

from stacks.errors import DayboxError


class SetupError(DayboxError):
    """A part could not be brought, or not as it must be."""
