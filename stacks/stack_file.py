"""A stack's file, `stacks/Pulumi.<stack>.yaml`, read without Pulumi: it stops at the first ill-typed key, we name all.

Used before there is a stack (`fab fit`, `fab new`); what is rented is what Pulumi reads.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stacks.errors import ConfigError, UsageError
from stacks.values import Secret, nearest

ROOT = Path(__file__).resolve().parent.parent
PREFIX, PULUMIS_OWN = "daybox:", "pulumi:"
TOP_LEVEL = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")  # Source: Pulumi's manual
SECRET = Secret("[secret]")


def stack_names() -> list[str]:
    """The stacks this checkout has a file for."""
    names = (path.name for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))
    return sorted(name.removeprefix("Pulumi.").removesuffix(".yaml") for name in names)


def path_of(stack: str) -> Path:
    """Where the stack's file is, or would be."""
    return ROOT / f"stacks/Pulumi.{stack}.yaml"


def raw_of(stack: str) -> tuple[dict[str, str], list[ConfigError]]:
    """The stack's config with the defaults, key without prefix -> text; and what is wrong with its file as a file.

    Raises UsageError if there is no such stack.
    """
    if not path_of(stack).is_file():
        raise UsageError(f"stacks/{stack}: there is no such stack", hint=nearest(stack, stack_names()))
    text, faults = loaded(stack)
    own = {str(key).removeprefix(PREFIX): value for key, value in config_of(text).items() if is_ours(key)}
    return defaults() | {key: plain(value) for key, value in own.items()}, [*faults, *faults_of(stack, text)]


def loaded(stack: str) -> tuple[Mapping[Any, Any], list[ConfigError]]:
    """What the file says; nothing, and the fault, if it is no YAML or has no config."""
    import yaml  # 30 ms: only what reads a file pays for it

    try:
        text = yaml.safe_load(path_of(stack).read_text()) or {}
        if isinstance(text, Mapping) and isinstance(text.get("config") or {}, Mapping):
            return text, []
        fact = f"{name_of(stack)}: has no `config:` of keys and values"
        return {}, [ConfigError(fact, hint="mend it, or delete the file and run fab new")]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        fact = f"{name_of(stack)}{line}: is not YAML: {getattr(error, 'problem', None) or error}"
        return {}, [ConfigError(fact, hint="mend that line, or delete the file and run fab new")]


def defaults() -> dict[str, str]:
    """What Pulumi.yaml gives every stack."""
    import yaml

    rows = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    return {name.removeprefix(PREFIX): str(row["default"]) for name, row in rows.items() if "default" in row}


def config_of(text: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """The `config:` part; empty if there is none."""
    config: Mapping[Any, Any] = text.get("config") or {}
    return config


def is_ours(key: object) -> bool:
    """Whether a key of the config is daybox's: `daybox:plan`."""
    return str(key).startswith(PREFIX)


def plain(value: object) -> str:
    """A value as Pulumi hands it over; a secret is only known to be there."""
    if isinstance(value, bool):
        return str(value).lower()
    return SECRET if isinstance(value, Mapping) and set(value) == {"secure"} else str(value)


def faults_of(stack: str, text: Mapping[Any, Any]) -> Iterator[ConfigError]:
    """Keys that are nobody's, and values that are no text."""
    for key in text:
        if key not in TOP_LEVEL:
            yield ConfigError(
                f"{name_of(stack)}: {key!r} is no key of a stack's file", hint=nearest(str(key), TOP_LEVEL)
            )
    for key, value in config_of(text).items():
        if not is_ours(key) and not str(key).startswith(PULUMIS_OWN):
            yield ConfigError(f"{name_of(stack)}: {key!r} is read by nobody", hint=f"write {PREFIX}KEY, or remove it")
        elif is_ours(key) and not is_text(value):
            yield ConfigError(
                f"stacks/{stack}/{str(key).removeprefix(PREFIX)}: {value!r} is not text", hint=f'write "{plain(value)}"'
            )


def is_text(value: object) -> bool:
    """Whether Pulumi takes it for text: a string, or a secret."""
    return isinstance(value, str) or (isinstance(value, Mapping) and set(value) == {"secure"})


def name_of(stack: str) -> str:
    """The file as it is named to people."""
    return f"stacks/Pulumi.{stack}.yaml"
