"""A 300-line file, one edit of it asked of the model, and that edit applied strictly. Pure.

Strictly: what aider would forgive, a lost blank or a line too many, is what a broken engine writes first.
"""

import ast
import re
from dataclasses import dataclass

FUNCTIONS = 100  # of three lines each, the third one empty
CHANGED, OLD, NEW = 42, 42, 4200
PATH = "functions.py"
TASK = f"Let f{CHANGED} return {NEW}. Change nothing else."
BLOCK = re.compile(r"^<<<<<<< SEARCH\n(.*?)^=======\n(.*?)^>>>>>>> REPLACE\s*$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```\w*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
RULES = {
    "diff": "Answer with exactly one SEARCH/REPLACE block and nothing else. Its form:\n"
    f"{PATH}\n```python\n<<<<<<< SEARCH\n<lines as they are in the file>\n=======\n"
    "<those lines changed>\n>>>>>>> REPLACE\n```",
    "whole": f"Answer with the whole new file and nothing else, every line of it, leaving none out. Its form:\n"
    f"{PATH}\n```\n<the whole file>\n```",
}
# For models that cannot keep to a form by themselves: only the number is theirs, so it proves the plumbing, not skill.
# It has three or four digits: the old one again would be no edit.
GIVEN_FORM = (
    rf"<<<<<<< SEARCH\ndef f{CHANGED}\(\):\n    return {OLD}\n=======\n"
    rf"def f{CHANGED}\(\):\n    return [1-9][0-9]{{2,3}}\n>>>>>>> REPLACE\n"
)


class NotAppliedError(Exception):
    """Why an answer is no edit of the file."""


@dataclass(frozen=True)
class Edited:
    """The file after the edit, and what the changed function returns now."""

    text: str
    returned: object


def the_file() -> str:
    """f0, f1 …, each returning its number."""
    return "".join(f"def f{number}():\n    return {number}\n\n" for number in range(FUNCTIONS))


def messages(form: str) -> list[dict[str, str]]:
    """What is asked. form: diff or whole."""
    file = f"{PATH}\n```python\n{the_file()}```"
    return [
        {"role": "system", "content": f"You edit files. {RULES[form]}"},
        {"role": "user", "content": f"{file}\n\n{TASK}"},
    ]


def applied(answer: str, form: str) -> Edited:
    """The file as the answer makes it. Raises NotAppliedError unless it is the file with that one function changed."""
    after = with_blocks(answer) if form == "diff" else whole(answer)
    wanted, got = the_file().rstrip("\n").split("\n"), after.rstrip("\n").split("\n")
    changed = 3 * CHANGED + 1
    if len(wanted) != len(got):
        many = (
            f"{len(got) - len(wanted)} lines too many"
            if len(got) > len(wanted)
            else f"{len(wanted) - len(got)} too few"
        )
        raise NotAppliedError(f"after it the file has {many}")
    for index, (old, new) in enumerate(zip(wanted, got, strict=True)):
        if old != new and index != changed:
            raise NotAppliedError(f"line {index + 1} was {old!r} and became {new!r}, which nobody asked for")
    return Edited(after, returned(got[changed]))


def with_blocks(answer: str) -> str:
    """The file with every block of the answer applied, where its SEARCH stands once and literally."""
    blocks, text = BLOCK.findall(answer), the_file()
    if not blocks:
        raise NotAppliedError("the answer holds no SEARCH/REPLACE block")
    for search, replace in blocks:
        if (count := text.count(search) if search else 0) != 1:
            raise NotAppliedError(f"a SEARCH part stands {count} times in the file: {search.strip()[:60]!r}")
        text = text.replace(search, replace)
    return text


def whole(answer: str) -> str:
    """The file that stands in the answer."""
    files = FENCED.findall(answer)
    if len(files) != 1:
        raise NotAppliedError(f"the answer holds {len(files)} whole files")
    return str(files[0])


def returned(line: str) -> object:
    """What a line `    return X` returns."""
    try:
        return ast.literal_eval(re.fullmatch(r"    return (.+)", line).group(1))  # type: ignore[union-attr]
    except (AttributeError, ValueError, SyntaxError):
        raise NotAppliedError(f"f{CHANGED} says {line.strip()!r} after it") from None
