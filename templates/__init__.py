"""What we write on a box: Jinja templates beside this file, and the on-box programs, copied as they stand, in box/."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from templates.comments import without_comments

FOLDER = Path(__file__).parent


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,  # a missing value is an error, not an empty word in a config file
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # units, YAML and shell, no HTML
    )


def render(name: str, **context: object) -> str:
    """The template `name` with finished values. Raises jinja2.UndefinedError if it uses a name not given."""
    return _environment().get_template(name).render(context)


def program(name: str) -> str:
    """The on-box program or module `name`, Python or POSIX sh, without comments."""
    found = [path for path in (FOLDER / "box").glob(f"{name}.*") if path.suffix in (".py", ".sh")]
    if len(found) != 1:
        raise FileNotFoundError(f"templates/box/{name}: {len(found)} files carry that name")
    return without_comments(found[0].read_text(), python=found[0].suffix == ".py")
