"""What `source scripts/env [STACK]` does: it prints the shell lines to stdout, words for people to stderr.

Everything here may be repeated: what is there already is left as it is.
"""

import argparse
import os
import re
import secrets
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

from scripts.cloud.daemon import status
from scripts.installer import paths
from stacks.errors import ConfigError, DayboxError, UsageError
from stacks.keys import make_key
from stacks.places import cloud_dir, owner_file, private_folder, stack_dir, state_dir, write_private
from stacks.stack_file import path_of, stack_names

ROOT = Path(__file__).resolve().parent.parent
STAND_IN = ROOT / "scripts/cloud/provider/bin"
WITH_TOKEN = ROOT / "scripts/bin"  # a pulumi that finds the account's token where people keep it
PROVIDER_VERSION = version("pulumi-linode")  # the provider and its library are released together
DOWNLOAD_SECONDS = 60
ASK_AGAIN_SECONDS = 86_400  # where Pulumi's site was not reached
SALT = re.compile(r"^encryptionsalt:.*\n?", re.MULTILINE)
# Each would silently win over what is set here.
OVERRIDES = ("PULUMI_CONFIG_PASSPHRASE", "LINODE_URL", "LINODE_API_VERSION", "LINODE_CONFIG", "LINODE_CA")


def exports(path: str) -> dict[str, str]:
    """The variables that make `pulumi` and `fab` mean daybox's own state; path: the PATH so far."""
    state = state_dir()
    ours = [WITH_TOKEN, ROOT / ".venv/bin", paths.pulumi_bin(), *([] if has_real_provider() else [STAND_IN])]
    return {
        "PATH": prepended(path, map(str, ours)),
        "DAYBOX_STATE": str(state),  # Pulumi's ~ is not $HOME, so the path is given whole
        "PULUMI_HOME": str(state / "pulumi-home"),
        "PULUMI_BACKEND_URL": f"file://{private_folder(state / 'pulumi')}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(state / "passphrase"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }


def prepended(path: str, folders: Iterable[str]) -> str:
    """`path` with `folders` before it, each once."""
    first = list(folders)
    return ":".join([*first, *(folder for folder in path.split(":") if folder not in first)])


def shell_lines(values: Mapping[str, str], unset: Iterable[str]) -> str:
    """Text for a shell's eval, quoted for any value; with a `fab` that finds its tasks from any folder."""
    exported = [f"export {name}={shlex.quote(value)}" for name, value in values.items()]
    fab = f'fab() {{ command fab --search-root {shlex.quote(str(ROOT))} "$@"; }}'
    return "\n".join([*(f"unset {name}" for name in unset), *exported, fab])


def make_secrets() -> None:
    """The passphrase of Pulumi's secrets and this laptop's owner id, made once."""
    if not (state_dir() / "passphrase").is_file():
        write_private(state_dir() / "passphrase", secrets.token_urlsafe(32) + "\n")
    if not owner_file().is_file():
        write_private(owner_file(), secrets.token_hex(4) + "\n")


def make_login_key(stack: str) -> None:
    """The login key of one stack, made once."""
    private = stack_dir(stack) / "login_ed25519"
    if not private.is_file():
        make_key(private, f"daybox-{stack}")


def init(stack: str, environment: Mapping[str, str]) -> None:
    """`pulumi stack init` unless the backend has it; then the stack's file carries the salt of our passphrase.

    Pulumi writes the salt of its secrets into the stack's file. A fresh checkout has none, and one of another state's
    passphrase would stop Pulumi with "incorrect passphrase", so ours is kept beside the keys and put back.
    """
    file, kept = path_of(stack), stack_dir(stack) / "salt"
    known = (state_dir() / f"pulumi/.pulumi/stacks/daybox/{stack}.json").is_file()
    text = file.read_text()
    salt = (kept.read_text() if kept.is_file() else salt_of(text)) if known else ""
    if "secure:" in text and not known:
        raise ConfigError(
            f"{file}: holds secrets of another state",
            hint="remove its `secure:` lines and set them again, or DAYBOX_STATE",
        )
    if "secure:" not in text and salted(text, salt) != text:
        file.write_text(salted(text, salt))
    if not known:
        make_stack(stack, environment)
        write_private(kept, salt_of(file.read_text()))


def make_stack(stack: str, environment: Mapping[str, str]) -> None:
    """`pulumi stack init`. Raises ConfigError with Pulumi's own words."""
    words = ["pulumi", "-C", str(ROOT), "stack", "init", stack, "--no-select", "--non-interactive"]
    done = subprocess.run(words, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"stacks/{stack}: Pulumi cannot make it: {done.stderr.strip()}", hint="see above")
    say(f"stack {stack}: made")


def salt_of(text: str) -> str:
    """The line with the salt in a stack's file, or nothing."""
    found = SALT.search(text)
    return found[0] if found else ""


def salted(text: str, line: str) -> str:
    """A stack's file with this line for its salt, or, with an empty one, without any."""
    bare = SALT.sub("", text)
    return f"{bare.rstrip()}\n{line.strip()}\n" if line else f"{bare.rstrip()}\n"


def has_real_provider() -> bool:
    """Whether Pulumi has the real linode provider; tries once to fetch it where it can be fetched."""
    home = state_dir() / "pulumi-home"
    if (home / f"plugins/resource-linode-v{PROVIDER_VERSION}").is_dir():
        return True
    tried = home / "no-linode-provider"
    if tried.exists() and time.time() - tried.stat().st_mtime < ASK_AGAIN_SECONDS:
        return False
    say(f"linode provider {PROVIDER_VERSION}: fetching")
    words = ["plugin", "install", "resource", "linode", PROVIDER_VERSION]
    environment = os.environ | {"PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        subprocess.run(
            [str(paths.pulumi_bin() / "pulumi"), *words],
            env=environment,
            capture_output=True,
            check=True,
            timeout=DOWNLOAD_SECONDS,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        private_folder(home)
        tried.touch()
        say("linode provider: cannot be had here; the stand-in serves the local cloud (scripts/cloud/provider)")
        return False
    return True


def start_cloud(environment: Mapping[str, str]) -> None:
    """Start the local cloud unless it runs; it says itself what it needs."""
    if status(cloud_dir()).running:
        return
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cloud", "start"],
        cwd=ROOT,
        env=dict(environment),
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode:
        raise ConfigError("local cloud: did not start", hint="its reason stands above")


def say(word: str) -> None:
    """A word for people; stdout belongs to the shell."""
    print(f"scripts/env: {word}", file=sys.stderr)


def main() -> int:
    """Print the shell lines; exit status of the error otherwise."""
    parser = argparse.ArgumentParser(prog="source scripts/env", description="Make this shell ready for daybox.")
    parser.add_argument("stack", nargs="?", help=f"one of: {', '.join(stack_names())}")
    stack = parser.parse_args().stack
    try:
        stacks = stack_names()
        if stack and stack not in stacks:
            raise UsageError(f"stacks/{stack}: there is no such stack", hint=f"choose from: {', '.join(stacks)}")
        ready(stack, print_lines=True)
    except DayboxError as error:
        say(error.line())
        return error.exit_code
    return 0


def ready(stack: str | None, *, print_lines: bool = False) -> dict[str, str]:
    """Make what is missing; returns the whole environment of a shell that sourced this. Raises DayboxError."""
    make_secrets()
    values = exports(os.environ.get("PATH", "")) | ({"PULUMI_STACK": stack} if stack else {})
    unset = [name for name in OVERRIDES if name in os.environ]
    for name in unset:
        say(f"{name} is unset: it would override daybox's own")
    environment = {name: value for name, value in os.environ.items() if name not in unset} | values
    for name in [stack] if stack else stack_names():
        make_login_key(name)
        init(name, environment)
    if stack == "local":
        start_cloud(environment)
    if print_lines:
        print(shell_lines(values, unset))
    return environment


if __name__ == "__main__":
    sys.exit(main())
