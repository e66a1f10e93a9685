"""Secrets from where people keep them: a file, the environment, a program that tells them, linode-cli's own file.

They are read when something needs them, once in a process, and are never written back. What was read is known here, so
that whatever shows a text to people can leave it out.
"""

import configparser
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from stacks.errors import ConfigError
from stacks.first_line import first_line

LINODE_TOKEN, HF_TOKEN = "LINODE_TOKEN", "HF_TOKEN"
TOKEN_FILE_VARIABLE = "DAYBOX_TOKEN_FILE"  # what runs unattended finds its token in a file, not in its environment
COMMAND = "command:"  # what follows in the variable is run, and its first line is the secret
COMMAND_SECONDS = 60.0  # somebody may have to touch a key, or to type a PIN
# Source: linodecli/configuration/helpers.py of linode-cli 5.69.0, `_get_config_path`.
CLI_VARIABLE, CLI_NAME, CLI_OLD_NAME = "LINODE_CLI_CONFIG", "linode-cli", ".linode-cli"
WAYS = "export LINODE_TOKEN with a token of the account that pays, or 'command: PROGRAM …' that prints it"
TOKEN = re.compile(r"[!-~]+")  # what can stand in a header
SHORTEST = 16  # of what is left out of texts: to leave out a short word would spoil them and hide nothing
HIDDEN = "***"


@dataclass(frozen=True)
class Found:
    """A secret and where it was found; empty if it was found nowhere.

    may_be_kept: whether what runs unattended may keep a copy: only of what somebody exported in clear.
    """

    value: str = field(default="", repr=False)
    source: str = ""
    may_be_kept: bool = False


class Once:
    """What commands told in this process, or why they did not: none is run twice, whoever asks at the same time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._told: dict[str, str | ConfigError] = {}

    def of(self, text: str, ask: Callable[[], str]) -> str:
        """What `ask` gave for this text, the first time. Raises what it raised then."""
        with self._lock:
            if text not in self._told:
                try:
                    self._told[text] = ask()
                except ConfigError as error:
                    self._told[text] = error
            told = self._told[text]
        if isinstance(told, ConfigError):
            raise ConfigError(told.fact, hint=told.hint)
        return told

    def known(self, text: str) -> str:
        """What was told for this text so far; empty if it was not asked."""
        told = self._told.get(text)
        return told if isinstance(told, str) else ""


_once = Once()
_seen: set[str] = set()  # every secret that this process has read


def linode_token() -> Found:
    """The token of the account that pays. Raises ConfigError for one that is there and cannot be used.

    A file that was named comes first, and alone, also if it is not there: a timer that inherits somebody's LINODE_TOKEN
    must not outlive its rotation, and nobody means another account than the one he named.
    """
    if named := os.environ.get(TOKEN_FILE_VARIABLE):
        return seen(Found(checked(TOKEN_FILE_VARIABLE, text_of(Path(named))), TOKEN_FILE_VARIABLE))
    return seen(from_variable(LINODE_TOKEN) or from_linode_cli(os.environ))


def text_of(file: Path) -> str:
    """What the file of a token holds. Raises ConfigError if it cannot be read as text."""
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        fact = f"{TOKEN_FILE_VARIABLE}: {file} cannot be read: {type(error).__name__}"
        raise ConfigError(fact, hint="put the token there, and nothing else, or unset it") from None


def has_linode_token() -> bool:
    """Whether there is a token to ask with, as far as can be told without running anything."""
    if os.environ.get(TOKEN_FILE_VARIABLE) or os.environ.get(LINODE_TOKEN, "").strip():
        return True
    try:
        return from_linode_cli(os.environ).value != ""
    except ConfigError:  # there is one; whoever needs it is told what is wrong with it
        return True


def hub_token() -> Found:
    """The Hub's token in HF_TOKEN; empty if there is none. Raises ConfigError for one that cannot be used."""
    return seen(from_variable(HF_TOKEN) or Found())


def from_variable(name: str) -> Found | None:
    """The secret in an environment variable, or of the command in it; None if it is not set."""
    text = os.environ.get(name, "").strip()
    if not text:
        return None
    if text.startswith(COMMAND):
        return Found(_once.of(text, lambda: told_by(name, text.removeprefix(COMMAND))), f"{name}'s command")
    return Found(checked(name, text), name, may_be_kept=True)


def told_by(name: str, line: str) -> str:
    """The first line that a command prints. It has the terminal: it may ask; what it complains of is seen.

    No shell reads the line; who wants a pipe says `sh -c '…'`. Raises ConfigError, never with what was printed.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise ConfigError(f"{name}: its command cannot be read: {error}", hint="quote it as for a shell") from None
    if not words:
        raise ConfigError(f"{name}: its command is empty", hint="write it as 'command: op read op://dev/linode/token'")
    try:
        told, status = first_line(words, COMMAND_SECONDS)
    except OSError as error:
        raise ConfigError(f"{name}: {words[0]}: {error.strerror}", hint="is that program on PATH?") from None
    except subprocess.TimeoutExpired:
        hint = "run it by hand: does it wait for you?"
        raise ConfigError(f"{name}: {words[0]} has not ended within {COMMAND_SECONDS:.0f} s", hint=hint) from None
    except ValueError:
        raise ConfigError(f"{name}: {words[0]} printed more than a token", hint="run it by hand") from None
    if status:
        hint = "its own words stand above; are you signed in there?"
        raise ConfigError(f"{name}: {words[0]} ended with status {status}", hint=hint)
    return checked(f"{name}: {words[0]}", told.decode(errors="replace"))


def checked(where: str, text: str) -> str:
    """The token in `text`. Raises ConfigError, without it, for what no token is."""
    if not TOKEN.fullmatch(text.strip()):
        fact = "gave nothing" if not text.strip() else "gave what no token is: a space or a sign that none has"
        raise ConfigError(f"{where}: {fact}", hint="run it by hand, or copy the token anew")
    return text.strip()


def cli_file(environment: Mapping[str, str]) -> Path:
    """Where linode-cli keeps its settings, found as linode-cli does."""
    if named := environment.get(CLI_VARIABLE):
        return Path(named).expanduser()
    old = Path.home() / CLI_OLD_NAME
    folder = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return old if old.is_file() else folder / CLI_NAME


def from_linode_cli(environment: Mapping[str, str]) -> Found:
    """The token of linode-cli's default user; empty if it has none. Raises ConfigError if others may read the file."""
    file = cli_file(environment)
    if not file.is_file():
        return Found()
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text())
    except (OSError, UnicodeError, configparser.Error):
        raise ConfigError(f"{file}: is no file of linode-cli's that can be read", hint=f"mend it, or {WAYS}") from None
    user = parser.defaults().get("default-user", "")
    token = parser.get(user, "token", fallback="") if parser.has_section(user) else ""
    if not token:
        return Found()
    if file.stat().st_mode & 0o077:
        raise ConfigError(f"{file}: holds a token, and others may read it", hint=f"chmod 600 {file}")
    return Found(checked(str(file), token), str(file))


def seen(found: Found) -> Found:
    """The same; from now on `masked` leaves it out."""
    if len(found.value) >= SHORTEST:
        _seen.add(found.value)
    return found


def masked(text: str) -> str:
    """`text` without any secret that this process has read."""
    for secret in sorted(_seen, key=len, reverse=True):  # the longer first: it may begin with another
        text = text.replace(secret, HIDDEN)
    return text


def for_child(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a Pulumi that this process starts: a token that was told already is not asked for again."""
    token = _once.known(environment.get(LINODE_TOKEN, "").strip())
    return {**environment, **({LINODE_TOKEN: token} if token else {})}
