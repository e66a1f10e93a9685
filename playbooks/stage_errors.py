"""Why a stage failed: its own word, and the end of its log."""

import shlex
import subprocess

from playbooks.progress import say
from playbooks.start_logs import container_of, start_cause
from stacks.errors import BoxError, DayboxError, ModelError
from stacks.ssh import Target, run
from stacks.stages import GRAPH_UNITS, unit

WAITED_FOR = (*GRAPH_UNITS, unit("seal"))  # not the watchdog: its next look comes in 20 s
LOG_LINES = 15
OF_VLLM = ("vllm", "ready")
WORD_LENGTH = 300  # characters; the log stands above it


def raise_if_given_up(target: Target) -> None:
    """Raises what `stage_error` gives if systemd failed a stage that could write no event itself, as on a full disk."""
    done = run(target, f"systemctl list-units --failed --plain --no-legend {shlex.join(WAITED_FOR)}")
    for line in done.stdout.splitlines():
        name = line.split()[0].removeprefix("daybox-").removesuffix(".service")
        raise stage_error(target, name, "systemd gave it up")


class CausedError(ModelError):
    """A stage failed because vLLM did, and its log names the cause: `fab doctor --fix` may know a cure.

    cure: what the log's cause asks for, for whoever cannot use `fab doctor` any more.
    """

    def __init__(self, fact: str, *, hint: str, cure: str = "") -> None:
        super().__init__(fact, hint=hint)
        self.cure = cure or hint


def stage_error(target: Target, stage: str, word: str) -> DayboxError:
    """The error for a stage that failed; the last lines of its log are shown first."""
    say(last_lines(target, stage, word))
    if stage in OF_VLLM and (found := start_cause(target, word)):
        fact = f"box/{container_of(word)}: {found.cause}: {shortened(found.evidence)}"
        hint = f"{found.cure}; or `fab doctor --fix`, which cures what it safely can"
        return CausedError(fact, hint=hint, cure=found.cure)
    return BoxError(
        f"box/{stage}: {shortened(word) or 'failed without a word'}",
        hint="the whole log: fab logs --of bootstrap; go on, once mended: fab bootstrap",
    )


def shortened(word: str, limit: int = WORD_LENGTH) -> str:
    """The word on one readable line: its beginning may name the cause, its end is what was said last."""
    return word if len(word) <= limit else f"{word[: limit // 3]} … {word[-2 * limit // 3 :]}"


def last_lines(target: Target, stage: str, word: str = "") -> str:
    """The end of the stage's log, or why it could not be read."""
    logs = f"journalctl -u {unit(stage)} -n {LOG_LINES} -o cat --no-pager"
    if stage in OF_VLLM:  # what the container says, says more than what starts it
        logs += f"; docker logs --tail {LOG_LINES} {container_of(word)} 2>&1"
    try:
        return run(target, logs).stdout.rstrip()
    except (BoxError, subprocess.SubprocessError) as error:
        return f"(no log: {error})"
