"""The questions of `fab new`, one function each: a flag's value, else an answer, else what is usual."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from playbooks.models import USUAL_CONTEXT
from playbooks.new_choices import PURPOSES, model_choices, plan_choices, purpose_choices, region_choices
from playbooks.offers import by_price, check_region, plan_named, plans_of, row_named
from playbooks.questions import choose, given, write
from stacks.errors import ModelError, UsageError
from stacks.values import Secret, minutes, networks, positive, positive_whole

if TYPE_CHECKING:
    from stacks.catalog import Cloud, Model, Plan
    from stacks.market import Market
    from stacks.sizing import Fit

# Source: a tag of Linode's has 3-50 characters, and `daybox-stack-` is 13 of them; labels take no two dashes in a row.
NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?!-)){0,35}[a-z0-9]")


@dataclass(frozen=True)
class Wizard:
    """Whom to ask and what there is to choose from. raw: what the stack's file says already, with the defaults."""

    stack: str
    ask: bool
    cloud: "Cloud"
    market: "Market"
    raw: dict[str, str]

    def text(self, flag: str, value: str, question: str, usual: str, check: Callable[[str], object]) -> str:
        """A flag's value, else the answer; what only Pulumi can read stays as it is."""
        if not value and isinstance(usual, Secret):
            return usual
        return given(flag, value, check) if value else write(question, usual, check, ask=self.ask)

    def fit(self, model: "Model", plan: "Plan", context: int) -> "Fit | None":
        """How the model fits the plan with what else the stack's file says; None if that cannot be read."""
        from stacks.settings import Reading

        asked = {"model": model.name, "plan": plan.name, "context": str(context), "cloud": self.cloud.name}
        return Reading(self.stack, self.raw | asked).fit


def check_name(text: str) -> None:
    """Raises ValueError if a stack cannot be called that."""
    if not NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no name of a stack", "write 2 to 37 small letters, digits and single dashes")


def the_purpose(wizard: Wizard, purpose: str, model: str) -> str:
    """As named, else as asked; empty where a model is named, or the stack that is there has one."""
    if purpose and purpose not in PURPOSES:
        raise UsageError(f"--purpose: {purpose!r} is unknown", hint=f"choose from: {', '.join(PURPOSES)}")
    if purpose or model or wizard.raw.get("model"):
        return purpose
    return choose("what for?", purpose_choices(), next(iter(PURPOSES)), ask=wizard.ask)


def the_model(wizard: Wizard, purpose: str, model: str) -> "Model":
    """As named, else for the purpose, else as asked; of a stack that is there, its own."""
    from stacks.catalog import MODELS

    if not model and purpose:
        model = PURPOSES[purpose].model
    said, names = wizard.raw.get("model", ""), {row.name for row in MODELS}
    if not wizard.ask or model:
        return row_named("--model", MODELS, model or said)  # also one that the catalog has no more: it is named
    usual = said if said in names else MODELS[0].name
    return row_named("--model", MODELS, choose("which model?", model_choices(), usual, ask=True))


def the_context(wizard: Wizard, model: "Model", purpose: str, context: str) -> str:
    """Tokens: as given, else for the purpose, else as is usual; no more than the model was made for."""
    window = model.family.window_tokens

    def check(text: str) -> None:
        if positive_whole(text) > window:
            raise ValueError(f"{text} tokens are more than the {window} {model.name} was made for", "take fewer")

    said = wizard.raw.get("context", "")
    wanted = PURPOSES[purpose].context if purpose else int(said) if said.isdecimal() else USUAL_CONTEXT
    usual, question = str(min(wanted, window)), f"tokens of context? (up to {window})"
    return wizard.text("context", context, question, usual, check)


def the_plan(wizard: Wizard, model: "Model", context: int, name: str) -> "Plan":
    """As named, else as asked; the usual one is the cheapest that fits. Raises ModelError if none does."""
    from stacks.catalog import PLANS

    hint = f"see fab fit {model.name} --context {context}"
    if name:
        plan = plan_named(name, wizard.cloud)
        if (found := wizard.fit(model, plan, context)) and found.reasons:
            raise ModelError(f"--plan: {'; '.join(found.reasons)}", hint=hint)
        return plan
    plans = by_price(plans_of(wizard.cloud, wizard.market), wizard.market)
    usable = [plan for plan in plans if not ((found := wizard.fit(model, plan, context)) and found.reasons)]
    if not usable:
        raise ModelError(f"{model.name}: no plan holds it with {context} tokens", hint=hint)
    said = wizard.raw.get("plan", "")
    usual = said if said in {plan.name for plan in usable} else usable[0].name
    return row_named("--plan", PLANS, choose("which plan?", plan_choices(usable, wizard.market), usual, ask=wizard.ask))


def the_region(wizard: Wizard, plan: "Plan", region: str) -> str:
    """As named, else as asked; the usual one is the nearest that lists the plan as available."""
    check_region(region, wizard.market)
    said = wizard.raw.get("region", "")
    if region or (said and not wizard.ask):
        return region or said  # stock is advisory: no reason to move a stack that nobody moves
    choices = region_choices(wizard.cloud, plan, wizard.market)
    if not choices:
        known = wizard.market.read_at is not None
        fact = f"none lists {plan.name} as available" if known else f"stock is not known: {wizard.market.why}"
        raise UsageError(f"--region: {fact}", hint="name one, as --region us-ord")
    values = [one.value for one in choices]
    return choose("where?", choices, said if said in values else values[0], ask=wizard.ask)


def the_limits(wizard: Wizard, idle: str, lifetime: str, budget: str) -> dict[str, str | None]:
    """Idle and hard end as texts that Settings take, and a budget, None for no limit."""
    raw = wizard.raw
    found: dict[str, str | None] = {
        "idleMinutes": wizard.text(
            "idle-minutes", idle, "give it back when idle for? (minutes, or 1h)", raw["idleMinutes"], minutes
        ),
        "maxLifetimeMinutes": wizard.text(
            "max-lifetime-minutes", lifetime, "hard end after? (minutes, or 8h)", raw["maxLifetimeMinutes"], minutes
        ),
    }
    usd = wizard.text(
        "budget-usd",
        budget,
        "the most that one lease may cost? (USD; empty: no limit)",
        raw.get("budgetUsd", ""),
        a_budget,
    )
    return found | {"budgetUsd": usd or None}


def a_budget(text: str) -> None:
    """Raises ValueError for what is neither empty nor above zero."""
    if text:
        positive(text)


def the_networks(wizard: Wizard, ssh_from: str) -> str:
    """Who may reach the box; empty until somebody says it."""

    def check(text: str) -> None:
        if text:
            networks(text)

    return wizard.text(
        "ssh-from",
        ssh_from,
        "from where do you work? (addresses or CIDRs; empty: later)",
        wizard.raw.get("sshFrom", ""),
        check,
    )
