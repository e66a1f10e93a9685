"""Everything that is wrong with a stack before it is rented: its file, its fit, its region, key, token and port."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from playbooks.command import console, print_json, print_line
from playbooks.offers import market_of
from playbooks.port import check_port
from playbooks.tunnel_files import living_pid, tunnel_dir
from stacks import stack_file
from stacks.account import Account, deploy_token
from stacks.errors import CloudError, ConfigError, DayboxError, all_of
from stacks.keys import check_login_key
from stacks.quote import go_there
from stacks.values import own_port

if TYPE_CHECKING:
    from stacks.market import Market
    from stacks.settings import Reading

    # What it finds wrong: faults that it gives, or one that it raises.
    Question = Callable[[Reading, Market], Iterable[DayboxError] | None]


def check(stack: str, *, refresh: bool, json: bool) -> None:
    """Print how the stack fits and every fault of it. Raises ConfigError if there is one."""
    from stacks.settings import Reading

    raw, of_file = stack_file.raw_of(stack)
    reading = Reading(stack, raw)
    faults: list[DayboxError] = [*of_file, *reading.faults]
    market = market_meant(reading, refresh=refresh)
    for ask in QUESTIONS:
        faults += asked(ask, reading, market)
    if json:
        print_json(row(reading, market, faults))
    else:
        show(reading, market)
    if faults:
        raise all_of(faults)


def asked(question: "Question", reading: "Reading", market: "Market") -> list[DayboxError]:
    """The faults that a question finds; one that it raises is one of them."""
    found: list[DayboxError] = []
    try:
        found.extend(question(reading, market) or ())
    except DayboxError as error:
        found.append(error)
    return found


def market_meant(reading: "Reading", *, refresh: bool) -> "Market":
    """The market of the stack's cloud, asked for if it is not fresh; an empty one if the cloud is not known."""
    from stacks.market import Market

    url = reading.values.get("api_url")
    return market_of(url, refresh=refresh) if url else Market("the cloud", why="its address is not known")


def login_key(reading: "Reading", _market: "Market") -> None:
    """Whether the login key can sign."""
    if public := reading.values.get("ssh_public_key"):
        check_login_key(public)


def token(reading: "Reading", _market: "Market") -> None:
    """Whether the token is accepted and has the scopes that `up` needs, as the API itself says."""
    from stacks.lot import may_keep, may_mint

    values = reading.values
    if values.get("cloud") and values.get("api_url"):
        profile = Account(values["api_url"], deploy_token(values["cloud"].token)).profile()
        may_mint(bool(values.get("self_destruct")), values.get("box_token", ""), profile.scopes)
        may_keep(bool(values.get("volume")), profile.scopes)


def offer(reading: "Reading", market: "Market") -> "Iterator[DayboxError]":
    """Whether the region has the plan, and the plan a price."""
    stack, plan, region = reading.stack, reading.values.get("plan"), reading.values.get("region")
    if market.read_at is None:
        yield CloudError(market.why or f"{market.host}: was never asked", hint="prices and stock are not known")
        return
    if fault := market.no_region(region or ""):
        yield ConfigError(f"stacks/{stack}/region: {fault[0]}", hint=fault[1])
    elif region and plan and region not in (market.in_stock(plan) or []):
        yield ConfigError(
            f"stacks/{stack}/region: {region} does not list {plan.name} as available (which is advisory)",
            hint=go_there(stack, market.in_stock(plan) or []),
        )
    if plan and market.usd_read(plan.name, region or "") is None:
        yield ConfigError(
            f"stacks/{stack}/plan: {market.host} gives no price for {plan.name}", hint="see `fab plans --refresh`"
        )


def budget(reading: "Reading", market: "Market") -> None:
    """Whether the budget covers one hour."""
    from stacks.price import check_budget

    values = reading.values
    if values["plan"]:
        check_budget(reading.stack, values["budget_usd"], market.price(values["plan"], values["region"] or ""))


def port(reading: "Reading", _market: "Market") -> "Iterator[DayboxError]":
    """Whether another stack, or another program of this laptop, has its port."""
    mine = reading.values.get("port")
    if not mine:
        return
    for other in stack_file.stack_names():
        if other != reading.stack and port_of(other) == mine:
            yield ConfigError(
                f"stacks/{reading.stack}/port: {mine} is also the port of {other}",
                hint=f"pulumi config set -s {reading.stack} daybox:port {mine + 1}",
            )
    if not living_pid(tunnel_dir(reading.stack)):
        check_port(reading.stack, mine)


QUESTIONS: "tuple[Question, ...]" = (login_key, token, offer, budget, port)


def port_of(stack: str) -> int | None:
    """The port that a stack's file asks for, or the stack's own; None if it is none."""
    raw, _ = stack_file.raw_of(stack)
    text = raw.get("port", "")
    if not text:
        return own_port(stack)
    return int(text) if text.isdecimal() else None


# What `fab fit STACK --json` says of the second model: plan and price are the first one's.
SECOND = (
    *("model", "hub_id", "tp", "context", "weights_gib", "kv_gib", "overhead_gib", "free_gib", "kv_bytes_per_token"),
    *("max_context", "fits", "reasons"),
)


def row(reading: "Reading", market: "Market", faults: list[DayboxError]) -> dict[str, Any]:
    """The stack for programs."""
    from playbooks.fit import Answer

    found = reading.fit
    values = reading.values
    answer = Answer(values["model"], values["plan"], found, (), market, values["region"] or "") if found else None
    sized = answer.row() if answer else {}
    sized.pop("plans_that_fit", None)
    if second := reading.architect_fit:
        beside = Answer(values["architect"], values["plan"], second, (), market, values["region"] or "").row()
        sized["architect"] = {key: value for key, value in beside.items() if key in SECOND}
    return {"stack": reading.stack, **sized, "faults": [{"fact": one.fact, "hint": one.hint} for one in faults]}


def show(reading: "Reading", market: "Market") -> None:
    """How it fits, for people; the faults follow as the error."""
    from playbooks import fit_view
    from playbooks.offers import footer

    out, found = console(), reading.fit
    if found:
        plan, region = reading.values["plan"], reading.values.get("region") or ""
        print_line(out, f"stack {reading.stack}: {found.model} with {found.context} tokens")
        if found.model == reading.stack:
            hub_id = reading.values["model"].hub_id
            print_line(out, f"{found.model} is a stack and a model; the model alone: fab fit {hub_id}")
        fit_view.show_plan(out, plan, found)
        if second := reading.architect_fit:
            print_line(out, f"beside it the architect: {second.model} with {second.context} tokens")
            fit_view.show_plan(out, plan, second)
        print_line(out, fit_view.price_line(plan, market.price(plan, region)))
    print_line(out, footer(market))
