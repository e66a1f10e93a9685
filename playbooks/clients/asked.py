"""Which model the user's own words name, however they are written."""

import re
from collections.abc import Iterator, Sequence


def models_asked(words: Sequence[str], flags: str) -> Iterator[str]:
    """The values of `-m X`, `-mX`, `--model X` and `--model=X`, in their order.

    flags: the client's options of one letter that take no value; `-m` may stand behind them (`-vm X`).
    """
    short = re.compile(rf"-[{flags}]*m(.*)", re.DOTALL)
    for word, following in zip(words, [*words[1:], ""], strict=False):
        if word == "--model":
            yield following
        elif word.startswith("--model="):
            yield word.removeprefix("--model=")
        elif found := short.fullmatch(word):
            yield found[1] or following
