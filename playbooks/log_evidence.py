"""What of a log is shown: one clean line of it, and the cure with the values that the line names."""

import re
from collections.abc import Mapping

from stacks.printable import printable

EVIDENCE_LENGTH = 300
# Who logs requests (--enable-log-requests) has prompts in these; they are no one's business, and may quote any error.
# Source: 0.33 entrypoints/serve/utils/request_logger.py, and the keys of a request as an error quotes it.
SAID_BY_USERS = re.compile(
    r"""\b(?:prompt|messages|content|input|output|params|JSON body)['"]?\s{0,3}[:=].*""", re.IGNORECASE
)
BY_PYDANTIC = re.compile(r" \[type=\w+, input_value=.*")


def number(value: str) -> object:
    """A number where it is one."""
    return int(value) if value.isascii() and value.isdigit() else value


def filled(cure: str, details: Mapping[str, object]) -> str:
    """The sentence with its values; the part behind `||` is for a text that names none."""
    named, _, bare = cure.partition(" || ")
    try:
        return printable(named.format_map(dict(details)))
    except KeyError:
        return bare or named


def own_words(text: str) -> str:
    """A line without what a user wrote, or the model for one."""
    return SAID_BY_USERS.sub("…", text)


def evidence(text: str) -> str:
    """A line of its own words fit to be shown: no control characters, at most 300 characters."""
    text = printable(BY_PYDANTIC.sub("", text)).strip()
    return text if len(text) <= EVIDENCE_LENGTH else text[: EVIDENCE_LENGTH - 1] + "…"
