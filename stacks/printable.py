"""What others said, as a terminal may show it: text and no more, without anything that a terminal would obey."""

LONGEST_TEXT = 300  # characters; a notice has no room for more


def printable(text: str) -> str:
    """The text, whole; what does not print is a space."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def clean(value: object) -> str:
    """A value as a notice: what is no text is empty, and a long one is cut."""
    return printable(value[:LONGEST_TEXT] if isinstance(value, str) else "").strip()
