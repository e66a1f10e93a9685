"""`fab new`: from what you want to do to a stack's file, every question also a flag."""

import shlex
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime

from invoke.context import Context

from playbooks.command import command, print_json
from playbooks.new_choices import PURPOSES
from playbooks.offers import DEFAULT_CLOUD, MARKET_HELP, cloud_meant, market_of
from playbooks.progress import say
from playbooks.questions import given, on_terminal, write
from playbooks.wizard import (
    Wizard,
    check_name,
    the_context,
    the_limits,
    the_model,
    the_networks,
    the_plan,
    the_purpose,
    the_region,
)
from stacks import stack_file
from stacks.errors import ConfigError, UsageError, all_of
from stacks.secrets import has_linode_token
from stacks.values import Secret, positive_whole

USUAL_NAME = "my-coder"
# In a fresh file, even where they are as is usual: what one would look for.
ALWAYS = ("plan", "region", "model", "context", "idleMinutes", "maxLifetimeMinutes", "sshFrom")
COMMENTS = {
    "context": "tokens of prompt and answer together",
    "sshFrom": "who may reach port 22; nobody else can",
    "idleMinutes": "an idle box is given back",
    "maxLifetimeMinutes": "the hard end, whatever it is doing",
    "budgetUsd": "the most that one lease may cost",
}
HELP = MARKET_HELP | {
    "name": "of the stack, as my-coder; a file that is there is changed, its comments kept",
    "purpose": f"instead of a model: {', '.join(PURPOSES)}",
    "model": "a model of `fab models`",
    "context": "tokens of context",
    "plan": "a plan of `fab plans`; else the cheapest that fits",
    "region": "where; else the nearest that lists the plan as available",
    "idle-minutes": "an idle box is given back after so long: 30, 90s, 1h",
    "max-lifetime-minutes": "the hard end of a lease: 600, 8h",
    "budget-usd": "the most that one lease may cost",
    "ssh-from": "who may reach port 22: CIDRs, separated by commas",
    "yes": "ask nothing: what no flag says is as is usual",
    "preview": "show what Pulumi would create",
}


@command(help=HELP)
def new(
    _c: Context,
    name: str = "",
    purpose: str = "",
    model: str = "",
    context: str = "",
    plan: str = "",
    region: str = "",
    idle_minutes: str = "",
    max_lifetime_minutes: str = "",
    budget_usd: str = "",
    ssh_from: str = "",
    cloud: str | None = None,
    refresh: bool = False,
    yes: bool = False,
    preview: bool = True,
    json: bool = False,
) -> None:
    """Make a stack: choose model, plan, region and limits; nothing is rented.

    Example: fab new --name my-coder --purpose edit --ssh-from 203.0.113.7/32 --yes
    """

    ask = on_terminal() and not (yes or json)
    stack = given("name", name, check_name) if name else write("name of the stack", USUAL_NAME, check_name, ask=ask)
    there = stack_file.path_of(stack).is_file()
    if there and not (name or ask):
        raise UsageError(f"stacks/{stack}: is there already", hint=f"--name {stack} changes it; or name another")
    raw = read(stack) if there else stack_file.defaults()
    meant, url = cloud_meant(cloud, stack if there else None)
    wizard = Wizard(stack, ask, meant, market_of(url, refresh=refresh), raw)
    purpose = the_purpose(wizard, purpose, model)
    row = the_model(wizard, purpose, model)
    tokens = positive_whole(the_context(wizard, row, purpose, context))
    chosen = the_plan(wizard, row, tokens, plan)
    settings = {
        "cloud": meant.name,
        "plan": chosen.name,
        "region": the_region(wizard, chosen, region),
        "model": row.name,
        "context": str(tokens),
        **the_limits(wizard, idle_minutes, max_lifetime_minutes, budget_usd),
        "sshFrom": the_networks(wizard, ssh_from),
    }
    save(stack, settings, wizard, fresh=not there)
    if json:
        print_json({"stack": stack, "file": stack_file.name_of(stack), **settings})
    finish(stack, settings, preview=preview and not json)


def read(stack: str) -> dict[str, str]:
    """What the file of a stack that is there says, with the defaults. Raises ConfigError if it cannot be read."""
    _, damaged = stack_file.loaded(stack)
    if damaged:
        raise damaged[0]
    raw, _ = stack_file.raw_of(stack)
    if hidden := [key for key in ("cloud", "plan", "region", "model", "context") if isinstance(raw.get(key), Secret)]:
        raise ConfigError(
            f"stacks/{stack}/{hidden[0]}: is a secret, which fab new cannot read",
            hint=f"change it with pulumi config set -s {stack}",
        )
    return raw


def save(stack: str, settings: Mapping[str, str | None], wizard: Wizard, *, fresh: bool) -> None:
    """Write the stack's file if it has no fault but what is asked for at `up`. Raises ConfigError with the others."""
    from stacks.quote import fit_words
    from stacks.settings import Reading

    reading = Reading(stack, wizard.raw | {key: value or "" for key, value in settings.items()})
    later = tuple(f"stacks/{stack}/{key}:" for key in ("sshFrom", "sshPublicKey"))
    if faults := [fault for fault in reading.faults if not fault.fact.startswith(later)]:
        raise all_of(faults)
    fit = fit_words(reading.fit) if reading.fit else ""
    changes = {key: value for key, value in settings.items() if (value or "") != wizard.raw.get(key, "")}
    wanted = {key: settings[key] for key in settings if key in changes or (fresh and key in ALWAYS)}
    head = f"Made by `fab new`, {datetime.now(UTC):%Y-%m-%d}. How it fits, and what is wrong with it: fab fit {stack}"
    write_file(stack, wanted, head)
    deed = "written" if fresh else f"changed: {told(changes, wizard.raw)}"
    say(f"{stack_file.name_of(stack)}: {deed}; {fit}")


def told(changes: Mapping[str, str | None], raw: Mapping[str, str]) -> str:
    """What changes, from what to what: a plan may have become dearer."""
    words = [f"{key} {raw.get(key) or 'none'} -> {value or 'none'}" for key, value in changes.items()]
    return ", ".join(words) or "nothing"


def write_file(stack: str, settings: Mapping[str, str | None], head: str) -> None:
    """Put these settings into the stack's file, at once: one that is there is never left half written.

    Raises ConfigError if the file is none that can be changed, such as one with a key that comes twice.
    """
    from ruamel.yaml.error import YAMLError

    from stacks.stack_text import changed

    path = stack_file.path_of(stack)
    draft = path.with_suffix(".new")
    before = path.read_text() if path.is_file() else ""
    try:
        text = changed(before, settings, COMMENTS, head)
    except YAMLError as error:
        problem = getattr(error, "problem", None) or type(error).__name__
        raise ConfigError(f"{stack_file.name_of(stack)}: {problem}", hint="mend it, or delete it") from None
    draft.write_text(text)
    draft.replace(path)


def finish(stack: str, settings: Mapping[str, str | None], *, preview: bool) -> None:
    """Preview what would be created, and name the next command."""
    next_word = f"pulumi up -s {stack}"
    if not settings["sshFrom"]:
        next_word = f"pulumi config set -s {stack} daybox:sshFrom YOUR.PUBLIC.IP.ADDRESS/32, then {next_word}"
    elif preview and settings["cloud"] == DEFAULT_CLOUD and not has_linode_token():
        say("no preview: LINODE_TOKEN is not set")
    elif preview:
        show_preview(stack)
    say(f"next: source scripts/env {stack}, then {next_word}")


def show_preview(stack: str) -> None:
    """`pulumi preview` as a new shell would run it. Raises ConfigError if it fails; Pulumi has said why."""
    root = shlex.quote(str(stack_file.ROOT))
    line = f"cd {root} && source scripts/env {stack} && pulumi preview -s {stack} --non-interactive"
    if subprocess.run(["bash", "-c", line], check=False).returncode:
        raise ConfigError(
            f"{stack_file.name_of(stack)}: is written, but `pulumi preview -s {stack}` fails, see above",
            hint="mend it, or run fab new again",
        )
