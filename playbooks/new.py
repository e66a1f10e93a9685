"""`fab new`: from what you want to do to a stack's file, every question also a flag."""

import os
import shlex
import subprocess
import textwrap
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
from stacks.errors import ConfigError

HEAD_WIDTH = 110  # characters of a comment
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
    context: int = 0,
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
    stack = given("name", name, check_name) if name else write("name of the stack", "my-coder", check_name, ask=ask)
    there = stack_file.path_of(stack).is_file()
    raw = stack_file.raw_of(stack)[0] if there else stack_file.defaults()
    meant, url = cloud_meant(cloud, stack if there else None)
    wizard = Wizard(ask, meant, market_of(url, refresh=refresh), raw)
    purpose = the_purpose(wizard, purpose, model)
    row = the_model(wizard, purpose, model)
    tokens = the_context(wizard, row, purpose, context)
    chosen = the_plan(wizard, row, int(tokens), plan)
    settings = {
        **({"cloud": meant.name} if meant.name != raw["cloud"] else {}),
        "plan": chosen.name,
        "region": the_region(wizard, chosen, region),
        "model": row.name,
        "context": tokens,
        **the_limits(wizard, idle_minutes, max_lifetime_minutes, budget_usd),
        "sshFrom": the_networks(wizard, ssh_from),
    }
    save(stack, settings, wizard)
    settings = {"cloud": meant.name, **settings}
    if json:
        print_json({"stack": stack, "file": stack_file.name_of(stack), **settings})
    finish(stack, settings, preview=preview and not json)


def save(stack: str, settings: dict[str, str], wizard: Wizard) -> None:
    """Write the stack's file if it has no fault but what is asked for at `up`. Raises ConfigError with the others."""
    from stacks.quote import fit_words
    from stacks.settings import Reading
    from stacks.stack_text import changed

    reading = Reading(stack, wizard.raw | settings)
    later = tuple(f"stacks/{stack}/{key}:" for key in ("sshFrom", "sshPublicKey"))
    if faults := [fault for fault in reading.faults if not fault.fact.startswith(later)]:
        *others, last = faults
        raise ConfigError("\n".join([*(fault.line() for fault in others), last.fact]), hint=last.hint)
    path, fit = stack_file.path_of(stack), reading.fit()
    before = path.read_text() if path.is_file() else ""
    _, damaged = stack_file.loaded(stack) if before else ({}, [])
    if damaged:
        raise damaged[0]
    head = textwrap.fill(
        f"Made by `fab new`, {datetime.now(UTC):%Y-%m-%d}. {fit_words(fit) if fit else ''}", HEAD_WIDTH
    )
    draft = path.with_suffix(".new")
    draft.write_text(changed(before, settings, COMMENTS, head))
    draft.replace(path)  # at once: a file that is there is never left half written
    say(f"{stack_file.name_of(stack)}: {'changed' if before else 'written'}; {fit_words(fit) if fit else ''}")


def finish(stack: str, settings: dict[str, str], *, preview: bool) -> None:
    """Preview what would be created, and name the next command."""
    next_word = f"pulumi up -s {stack}"
    if not settings["sshFrom"]:
        next_word = f"pulumi config set -s {stack} daybox:sshFrom YOUR.PUBLIC.IP.ADDRESS/32, then {next_word}"
    elif preview and settings["cloud"] == DEFAULT_CLOUD and not os.environ.get("LINODE_TOKEN"):
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
