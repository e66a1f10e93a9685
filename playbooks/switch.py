"""`fab switch`: another model, or other settings of it, on the box that runs; the old one comes back if it fails."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from json import loads
from typing import Any

from invoke.context import Context

from playbooks.boxes import STACK_HELP, box_that_is_up, meant_stack, raw_settings
from playbooks.change import carry_out
from playbooks.clients_anew import Clients, rewrite
from playbooks.command import command, print_json
from playbooks.metrics import read_metrics
from playbooks.optional_word import may_be_missing
from playbooks.questions import must_agree
from playbooks.stage_table import record_file
from stacks.box import Box, box_target
from stacks.errors import BoxError, UsageError

may_be_missing("switch", "model")
RUNNING = "vllm:num_requests_running"
HELP = STACK_HELP | {
    "model": "a model of `fab models`; left out: the one of now",
    "context": "tokens of context",
    "tp": "cards that share the model; --tp= for as many as its heads allow",
    "name": "what clients ask for, whatever the model; --name= for daybox- and the model's",
    "kv": "of the cache: auto, or fp8, which is half as large",
    "yes": "do not ask, although somebody is at work",
    "json": "print JSON for programs",
}


@command(positional=["model"], help=HELP)
def switch(
    _c: Context,
    model: str | None = None,
    context: str | None = None,
    tp: str | None = None,
    name: str | None = None,
    kv: str | None = None,
    stack: str | None = None,
    yes: bool = False,
    json: bool = False,
) -> None:
    """Serve another model, or another context, on the box that runs.

    Example: fab switch qwen3-coder-30b --context 48000, or fab switch --context 16384
    """
    values = asked(model, context=context, tp=tp, name=name, kv=kv)
    meant = meant_stack(stack)
    with ThreadPoolExecutor() as pool:  # Pulumi takes half a second for each
        config, box = pool.submit(raw_settings, meant), box_that_is_up(meant)

    def consent() -> None:
        check_idle(box, consent=yes, can_ask=not json)

    made = carry_out(box, values, show=not json, consent=consent, raw=config.result())
    clients = rewrite(made)
    if json:
        print_json(row(made, clients))
    else:
        print(f"{made.stack}: {made.served_name} serves {made.model}; {clients.words()}")


def asked(model: str | None, **flags: str | None) -> dict[str, str | None]:
    """Key of the config -> text, of what was said; None: its default. Raises UsageError if nothing was, or no word."""
    keys = {"context": "context", "tp": "tp", "name": "servedName", "kv": "kvCacheDtype"}
    values: dict[str, str | None] = {keys[flag]: text or None for flag, text in flags.items() if text is not None}
    if model:
        values["model"] = model
    if not values:
        raise UsageError("fab switch: to what?", hint="name a model of `fab models`, or say --context N")
    if "context" in values and not values["context"]:
        raise UsageError("--context: is empty", hint="say --context 16384")
    return values


def check_idle(box: Box, *, consent: bool, can_ask: bool) -> None:
    """Whoever is answered just now would be cut off: ask. Raises UsageError if nobody says yes."""
    running = requests_running(box)
    if consent or not running:
        return
    question = f"{box.stack}: {running:.0f} requests are being answered, and would be cut off"
    must_agree("fab switch", question, asked=f"{question}. Go on?", can_ask=can_ask)


def requests_running(box: Box) -> float:
    """How many requests vLLM is answering now; 0 if it cannot be asked: then there is nobody to cut off."""
    counts = [running_on(box)]
    if box.architect_name:  # another context restarts it, too
        counts.append(running_on(box, architect=True))
    return sum(counts)


def running_on(box: Box, **which: bool) -> float:
    """How many requests one vLLM of the box is answering now; 0 if it cannot be asked."""
    with suppress(BoxError):
        return read_metrics(box_target(box), **which).get(RUNNING) or 0.0
    return 0.0


def row(box: Box, clients: Clients) -> dict[str, Any]:
    """What is served now, for programs; `stages`: how it came to that, as `fab bootstrap` keeps it."""
    stages = record_file(box)
    return {
        "stack": box.stack,
        "lease": box.lease,
        "model": box.model,
        "served_name": box.served_name,
        "window_tokens": clients.window_tokens,
        "clients_rewritten": clients.written,
        "stages": loads(stages.read_text()) if stages.is_file() else None,
    }
