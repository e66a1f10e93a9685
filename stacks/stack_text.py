"""The text of a stack's file: new settings put in, everything else as it was, comments and unknown keys included."""

import io
import re
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from stacks.stack_file import PREFIX

WIDTH = 4096  # characters: no line is broken that was none
PLAIN = re.compile(r"[A-Za-z][\w./-]*")
WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")


def changed(text: str, settings: Mapping[str, str | None], comments: Mapping[str, str], head: str = "") -> str:
    """`text` with these settings, key without prefix -> text, None to remove it; an empty text gets `head` as comment.

    comments: key -> why; a key that is there already keeps its own. Raises ruamel's YAMLError if `text` is no YAML.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    document = yaml.load(text) or CommentedMap()
    if not text.strip() and head:
        document.yaml_set_start_comment(head)
    if document.get("config") is None:
        document["config"] = CommentedMap()
    config = document["config"]
    for key, value in settings.items():
        name = PREFIX + key
        if value is None:
            config.pop(name, None)
            continue
        fresh = name not in config
        config[name] = quoted(value)
        if fresh and key in comments:
            config.yaml_add_eol_comment(comments[key], name, column=0)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def quoted(value: str) -> str:
    """Text that stays text: only what no reader of YAML could take for anything else goes without quotes."""
    plain = PLAIN.fullmatch(value) and value.lower() not in WORDS
    return value if plain else DoubleQuotedScalarString(value)
