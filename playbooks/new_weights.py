"""The next model's weights come while the old one still serves: by the box's own programs, in a unit of its own.

A lost connection changes nothing, and running it again goes on: the unit works by itself, and what came is kept.
"""

import json
import shlex
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbooks import hub_token
from playbooks.command import busy
from playbooks.kept import Keeping
from playbooks.progress import say
from playbooks.report import REACH_SECONDS, RETRY_SECONDS, closed_to_us, is_silence
from playbooks.stage_errors import shortened
from stacks.errors import BoxError, ModelError
from stacks.printable import clean
from stacks.ssh import Target, run
from stacks.stages import stage_named

if TYPE_CHECKING:
    from stacks.bundle import File
    from stacks.settings import Settings

UNIT = "daybox-new-weights.service"
UNIT_FILE, FACTS_FILE = f"/run/systemd/system/{UNIT}", "/run/daybox/new-facts.json"
SAY_SECONDS = 30.0  # between two words of how much has come
GATED = "nothing is changed; accept its licence on its page, set HF_TOKEN to a token of who did, and run this again"
RUNS, DONE = ("activating", "reloading"), "active"


@dataclass(frozen=True)
class Coming:
    """How far the unit is. state: systemd's ActiveState; size: of all models on the box, for people."""

    state: str
    run_id: str
    size: str


def files(settings: "Settings") -> "list[File]":
    """The unit, and the facts it finds."""
    from stacks.bundle import GROUP, File, facts, written

    minutes = stage_named("weights").minutes
    unit = written("new-weights.service.j2", facts=FACTS_FILE, minutes=minutes, group=GROUP)
    return [
        File(FACTS_FILE, 0o644, json.dumps(facts(settings)) + "\n"),
        File(UNIT_FILE, 0o644, unit),
    ]


def state_command() -> str:
    """Shell command that prints the unit's state, which run of it that is, and the size of all models."""
    show = shlex.join(["systemctl", "show", UNIT, "--property=ActiveState,InvocationID"])
    return f"{show}; du -sh --si /var/lib/daybox/models 2>/dev/null | cut -f 1"


def parse_state(text: str) -> Coming:
    """What `state_command` printed."""
    rows = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    sizes = [line for line in text.splitlines() if line and "=" not in line]
    return Coming(rows.get("ActiveState", ""), rows.get("InvocationID", ""), clean("".join(sizes[:1])))


def start_command() -> str:
    """Shell command that starts the unit anew."""
    return (
        f"systemctl stop {UNIT} 2>/dev/null; systemctl daemon-reload; systemctl reset-failed {UNIT} 2>/dev/null; "
        + (f"systemctl start --no-block {UNIT}")
    )


def said_command(run_id: str) -> str:
    """Shell command that prints what one run of the unit said."""
    return shlex.join(["journalctl", f"_SYSTEMD_INVOCATION_ID={run_id}", "--output=cat", "--no-pager", "--lines=20"])


def bring_weights(target: Target, settings: "Settings", keeping: Keeping) -> str:
    """Have the weights of the settings' model on the box; returns what the box says of them, for people.

    Weights that the Hub refuses are asked for once more with this laptop's token of the Hub, if it has one.
    Raises ModelError for a refusal, BoxError if they do not come otherwise; the model that serves was not touched then.
    """
    wanted = files(settings)
    coming, words = tried(target, settings.model.name, wanted, keeping, joining=goes_on(target, wanted[0].content))
    if coming.state != DONE and hub_token.REFUSED in reason(words):
        with hub_token.lent_after(target, reason(words).partition("; ")[0], way_out=GATED):
            coming, words = tried(target, settings.model.name, wanted, keeping)
    if coming.state != DONE:
        raise failure(coming, reason(words))
    return word_of(words)


def failure(coming: Coming, word: str) -> BoxError | ModelError:
    """The error for weights that did not come. word: the last that the program said."""
    if hub_token.REFUSED in word:
        return ModelError(f"box/weights: {word.partition('; ')[0]}", hint=GATED)
    return BoxError(
        f"box/weights: {shortened(word) or f'the unit is {coming.state} and said nothing'}",
        hint="the model that serves was not touched, and nothing else is changed; what came is kept",
    )


def tried(
    target: Target, model: str, wanted: "list[File]", keeping: Keeping, *, joining: bool = False
) -> tuple[Coming, list[str]]:
    """How one run of the unit ended, and what it said. joining: it runs already."""
    if not joining:
        start(target, wanted)
    try:
        coming = followed(target, model, keeping)
    except KeyboardInterrupt:
        run(target, f"systemctl stop {UNIT}")
        say(f"{model}: stopped; what came of it is kept, and goes on next time")
        raise
    words = said(target, coming.run_id)
    run(target, f"systemctl stop {UNIT}")
    return coming, words


def goes_on(target: Target, facts: str) -> bool:
    """Whether the unit is at these very weights already, as after a lost connection."""
    done = run(target, f"systemctl show {UNIT} --property=ActiveState --value; cat {FACTS_FILE} 2>/dev/null")
    state, _, there = done.stdout.partition("\n")
    return state in RUNS and there == facts


def start(target: Target, wanted: "list[File]") -> None:
    """Bring unit and facts, and start it. Raises BoxError if systemd refuses."""
    from stacks.courier import push

    push(target, wanted)
    done = run(target, start_command())
    if done.returncode:
        last = clean((done.stderr.strip() or "no word").splitlines()[-1])
        raise BoxError(f"box/{target.alias}: {UNIT} does not start: {last}", hint="see `fab ssh`; nothing is changed")


def followed(target: Target, model: str, keeping: Keeping) -> Coming:
    """How the unit ended. Raises BoxError if the box is not reached for long; it goes on by itself then."""
    heard = told = kept = time.monotonic()
    with busy(f"{model}: its weights come, while the old model serves"):
        while True:
            try:
                coming = parse_state(run(target, state_command()).stdout)
                heard = time.monotonic()
                if coming.state not in RUNS:
                    return coming
                if heard - told > SAY_SECONDS:
                    told = heard
                    say(f"{model}: its weights come; all models on the box: {coming.size}")
                if heard - kept > SAY_SECONDS:
                    kept = heard
                    keeping.on()
            except BoxError as error:
                if not is_silence(error):
                    raise
                if time.monotonic() - heard > REACH_SECONDS:
                    raise closed_to_us(error, REACH_SECONDS) from None
            time.sleep(RETRY_SECONDS)


def said(target: Target, run_id: str) -> list[str]:
    """What this run of the unit said, line by line, as a terminal may show it."""
    return [clean(line) for line in run(target, said_command(run_id)).stdout.splitlines()] if run_id else []


def reason(words: list[str]) -> str:
    """Why it failed: its last words, without those of systemd about it."""
    own = [line for line in words if not line.startswith(("@", UNIT, "Failed to start", "Starting", "Started"))]
    return own[-1] if own else ""


def word_of(words: list[str]) -> str:
    """What the program says of the weights for people: after `@word`."""
    return next((line.removeprefix("@word ") for line in reversed(words) if line.startswith("@word ")), "")
