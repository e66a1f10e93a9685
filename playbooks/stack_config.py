"""A stack's config changed and, whatever goes wrong, put back; and `pulumi up`, which makes it true."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from playbooks.boxes import PREFIX, ROOT
from stacks.errors import ConfigError
from stacks.secrets import for_child, masked

CONFIG_SECONDS = 60


@contextmanager
def config_set(stack: str, values: Mapping[str, str | None]) -> Iterator[None]:
    """The stack's own file has `values`; whatever goes wrong within, what was there comes back.

    values: key without prefix -> text, as `{"context": "16384"}`; None: the default of Pulumi.yaml holds.
    Raises ConfigError with Pulumi's last words, or for a value that is a secret.
    """
    before = {key: own_text(stack, key) for key in values}
    try:
        write_config(stack, values)  # within: of several values some may be written when it fails
        yield
    except BaseException:  # Ctrl-C, too
        write_config(stack, before)
        raise


def own_text(stack: str, key: str) -> str | None:
    """The value in the stack's own file; None if that of Pulumi.yaml holds.

    Raises ConfigError for a secret one: it could be put back neither as it was nor in clear.
    """
    from stacks.stack_file import SECRET, config_of, loaded, plain

    text, _ = loaded(stack)
    value = config_of(text).get(f"{PREFIX}{key}")
    if value is not None and plain(value) is SECRET:
        raise ConfigError(
            f"stacks/{stack}/{key}: is set with --secret, and would stand there in clear",
            hint=f"pulumi config set -s {stack} --secret {PREFIX}{key}, then pulumi up -s {stack}",
        )
    return None if value is None else plain(value)


def own_file(stack: str) -> str:
    """The text of the stack's own file, to see later whether somebody changed it: `check_unchanged`."""
    from stacks.stack_file import path_of

    return path_of(stack).read_text()


def check_unchanged(stack: str, before: str) -> None:
    """Raises ConfigError if the stack's own file is another than `before`: what was decided by it does not hold now."""
    if own_file(stack) != before:
        raise ConfigError(
            f"stacks/{stack}: its settings were changed meanwhile", hint="nothing is done; run this again"
        )


def write_config(stack: str, values: Mapping[str, str | None]) -> None:
    """Put `values` into the stack's own file. Raises ConfigError with Pulumi's last words."""
    given = [f"{PREFIX}{key}={text}" for key, text in values.items() if text is not None]
    removed = [f"{PREFIX}{key}" for key, text in values.items() if text is None]
    if given:
        pulumi_config(["set-all", "-s", stack, *(word for pair in given for word in ("--plaintext", pair))])
    if removed:
        pulumi_config(["rm-all", "-s", stack, *removed])


def pulumi_config(words: Sequence[str]) -> None:
    """`pulumi config …`. Raises ConfigError with its last words."""
    command = ["pulumi", "-C", str(ROOT), "config", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=CONFIG_SECONDS)
    if done.returncode:
        said = (done.stderr.strip() or "no word").splitlines()[-1]
        raise ConfigError(f"pulumi config {words[0]}: {said}", hint="source scripts/env, then try again")


def pulumi_up(stack: str, *, show: bool, only: Sequence[str] = ()) -> int:
    """`pulumi up`, shown as it goes on stdout, or with show=False on stderr; its exit status.

    only: patterns of the resources that it may touch; empty for all.
    Ctrl-C reaches it, too, and it is waited for: killed it would leave its lock behind, and what it does half done.
    """
    words = [*up_words(stack), *(word for pattern in only for word in ("--target", pattern))]
    with subprocess.Popen(words, stdout=None if show else sys.stderr, env=for_child(os.environ)) as process:
        return waited_for(process)


def pulumi_up_quietly(stack: str) -> int:
    """`pulumi up` of which nothing is shown, on stderr what it said if it fails; its exit status."""
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(
            up_words(stack), stdout=said, stderr=subprocess.STDOUT, env=for_child(os.environ)
        ) as process:
            status = waited_for(process)
        said.seek(0)
        if status:
            print(masked(said.read().decode(errors="replace")), file=sys.stderr, flush=True)
        return status


def up_words(stack: str) -> list[str]:
    """Arguments of `pulumi up`."""
    return ["pulumi", "-C", str(ROOT), "up", "-s", stack, "--yes", "--skip-preview"]


def waited_for(process: "subprocess.Popen[bytes]") -> int:
    """The exit status of a program that is never left alone, however often Ctrl-C is typed."""
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
