"""aider on the box's own model, started so that it can reach nothing else."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from invoke.context import Context
from invoke.exceptions import Exit

from playbooks.aider_files import BREAKING_VARIABLE, arguments, environment, metadata_text, settings_text
from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command
from playbooks.endpoint import Endpoint, trusted
from playbooks.executor import words_after_dashes
from stacks.aider_facts import AiderFacts
from stacks.box import Box
from stacks.catalog import MODELS
from stacks.errors import ConfigError, ModelError, UsageError
from stacks.places import cache_dir, private_folder, stack_dir, write_private
from stacks.values import named

AIDER_VERSION = "0.86.2"  # every pin was measured with this one
CLIENT = "aider"
PINNED_LINE = (
    "aider: model, endpoint and proxies are pinned to the tunnel; commands it runs for you (tests, /run) inherit a dead"
    " proxy and reach the network only past it"
)


@dataclass(frozen=True)
class Launch:
    """All that starting aider needs."""

    words: list[str]
    environment: dict[str, str]


@command(name="launch-aider", help=STACK_HELP)
def launch_aider(c: Context, stack: str | None = None) -> None:
    """Start aider on your own model; words after -- are aider's.

    Example: fab launch-aider -- --message "add a test" app.py
    """
    status = run_aider(find_box(stack), words_after_dashes(sys.argv))
    if status:
        raise Exit(f"aider: ended with status {status}", code=status)


def run_aider(box: Box, words: Sequence[str], *, port: int = 0) -> int:
    """aider's exit status, in the user's own folder.

    port: of what stands before the gateway, as a recorder; 0: aider speaks to the gateway itself.
    aider exits with 0 when the model is unreachable, so the endpoint is tried before, and asked after.
    Raises UsageError, ConfigError, BoxError, ModelError.
    """
    executable = find_aider()
    refuse_breaking_files(dotenv_files(Path.cwd(), Path.home()))
    endpoint = trusted(box, CLIENT)
    window_tokens = endpoint.window(box.served_name)
    endpoint.complete(box.served_name)
    pointed_to = replace(endpoint, port=port or box.port)
    launch = prepare(box, pointed_to, window_tokens, words, os.environ)
    print(PINNED_LINE, file=sys.stderr, flush=True)
    before = endpoint.usage()
    status = run_in_foreground([executable, *launch.words], launch.environment)
    report_failures(before, endpoint.usage())
    return status


def prepare(
    box: Box, endpoint: Endpoint, window_tokens: int, words: Sequence[str], inherited: Mapping[str, str]
) -> Launch:
    """Write aider's files, 0600 and outside the user's repository, and say how to start it with them."""
    facts = facts_of(box)
    if window_tokens <= facts.max_output_tokens:
        raise ModelError(
            f"box/vllm: its window of {window_tokens} tokens leaves none for a prompt", hint="raise daybox:context"
        )
    folder = private_folder(stack_dir(box.stack).resolve() / CLIENT)
    settings = settings_text(box.served_name, facts, endpoint.base, endpoint.key)
    settings_file = write_private(folder / "model.settings.yml", settings)
    metadata_file = write_private(folder / "model.metadata.json", metadata_text(box.served_name, facts, window_tokens))
    argv = arguments(
        box.served_name,
        facts,
        endpoint.base,
        settings_file=str(settings_file),
        metadata_file=str(metadata_file),
        words=words,
    )
    return Launch(argv, environment(inherited, endpoint.base))


def facts_of(box: Box) -> AiderFacts:
    """What aider must be told of the box's model. Raises ConfigError if this checkout does not know it."""
    try:
        return named(MODELS, box.model).family.aider
    except ValueError as error:
        raise ConfigError(f"stacks/{box.stack}/model: {error.args[0]}", hint=str(error.args[1])) from None


def find_aider() -> str:
    """The aider that set-up installed, else the one on PATH. Raises UsageError with the command that brings it."""
    own = cache_dir() / "aider" / AIDER_VERSION / "bin" / "aider"
    found = str(own.resolve()) if own.is_file() else shutil.which("aider")
    if found is None:
        raise UsageError(
            f"aider: is neither at {own} nor on PATH",
            hint=f"scripts/setup, or: uv tool install --python 3.11 aider-chat=={AIDER_VERSION}",
        )
    return found


def dotenv_files(folder: Path, home: Path) -> list[Path]:
    """The .env files that aider would load from `folder`: home's, the git root's and the folder's own."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)
    return [file for file in dict.fromkeys(place / ".env" for place in (home, root, folder)) if file.is_file()]


def refuse_breaking_files(files: Sequence[Path]) -> None:
    """Raises ConfigError for a .env with which aider sends nothing, says little and exits with 0."""
    for file in files:
        lines = file.read_text(errors="replace").splitlines()
        names = (line.strip().removeprefix("export ").partition("=")[0].strip() for line in lines)
        if BREAKING_VARIABLE in names:
            raise ConfigError(
                f"{file}: sets {BREAKING_VARIABLE}, with which aider sends nothing", hint="take that line out"
            )


def run_in_foreground(words: Sequence[str], variables: Mapping[str, str]) -> int:
    """Exit status of a program that owns the terminal: Ctrl-C is its own business until it ends."""
    # A handler that does nothing, not SIG_IGN: the program would inherit that and never see Ctrl-C.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(words, env=variables, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)


def report_failures(before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """Raises ModelError if requests were made and not one succeeded: aider itself says 0 then."""
    made = after["requests"] - before["requests"]
    failed = after["failed"] - before["failed"]
    if made and made == failed:
        raise ModelError(
            f"aider: none of its {made} requests was answered by the model", hint="see above, and `fab tunnel.status`"
        )
