"""What `fab verify` asks of the cards: as many as the plan has, alike, new enough a driver, and how they are linked."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playbooks.cards import Card, parse_cards, parse_links, smi_command, topology_command, unlinked
from playbooks.report import last_line
from stacks.errors import BoxError
from stacks.ssh import Target, run

SECONDS = 12.0  # for one answer: nvidia-smi itself gets ten
LEAST_DRIVER = 580  # CUDA 13, which vLLM's image is built with: see templates/box/driver.sh
NAMES = ("gpus_are_those_of_the_plan", "gpu_driver_is_new_enough", "gpus_are_linked")


@dataclass(frozen=True)
class Told:
    """What nvidia-smi said of the cards, of their links, and why it did not."""

    cards: tuple[Card, ...] = ()
    topology: str = ""
    trouble: str = ""


def card_rows(target: Target, plan_cards: int) -> list[dict[str, Any]]:
    """One row a check. plan_cards: as many as the plan has, 0 for none, which asks nobody."""
    began = time.monotonic()
    try:
        told = ask_cards(target) if plan_cards else Told()
    except BoxError as error:
        told = Told(trouble=error.fact)
    each = round((time.monotonic() - began) / len(NAMES), 3)
    rows = verdicts(told, plan_cards)
    return [{"check": name, "outcome": outcome, "seconds": each, "word": word} for name, outcome, word in rows]


def ask_cards(target: Target) -> Told:
    """What the box says of its cards. Raises BoxError if it is not reached."""
    cards = run(target, smi_command(), timeout=SECONDS)
    if cards.returncode:
        return Told(trouble=f"nvidia-smi: {last_line(cards)}")
    return Told(parse_cards(cards.stdout), run(target, topology_command(), timeout=SECONDS).stdout)


def verdicts(told: Told, plan_cards: int) -> list[tuple[str, str, str]]:
    """Name, outcome and word of each check. plan_cards: as many as the plan has, 0 for none."""
    if not plan_cards:
        return [(name, "skipped", "no GPU") for name in NAMES]
    if told.trouble or not told.cards:
        return [(name, "failed", told.trouble or "nvidia-smi names no card") for name in NAMES]
    checks: tuple[Callable[[], tuple[bool, str]], ...] = (
        lambda: as_the_plan_says(told.cards, plan_cards),
        lambda: driver_verdict(told.cards),
        lambda: link_verdict(told),
    )
    found = zip(NAMES, (check() for check in checks), strict=True)
    return [(name, "passed" if good else "failed", word) for name, (good, word) in found]


def as_the_plan_says(cards: tuple[Card, ...], plan_cards: int) -> tuple[bool, str]:
    """Whether there are as many as the plan has, all alike and answering."""
    kinds = sorted({card.name for card in cards})
    lost = [card.index for card in cards if card.memory_total is None]
    word = f"{len(cards)} of {plan_cards}: {', '.join(kinds)}"
    if lost:
        return False, f"{word}; GPU {lost[0]} does not say how much memory it has"
    return len(cards) == plan_cards and len(kinds) == 1, word


def driver_verdict(cards: tuple[Card, ...]) -> tuple[bool, str]:
    """Whether the driver can run vLLM's image. Persistence is said, not judged: vLLM itself keeps the driver loaded."""
    drivers = sorted({card.driver for card in cards})
    good = all(driver.split(".")[0].isdigit() and int(driver.split(".")[0]) >= LEAST_DRIVER for driver in drivers)
    modes = {True: "persistence on", False: "persistence off", None: "persistence unknown"}
    word = f"{', '.join(drivers)}, {', '.join(sorted({modes[card.persistent] for card in cards}))}"
    return good, word if good else f"{word}; vLLM's image needs {LEAST_DRIVER} or newer"


def link_verdict(told: Told) -> tuple[bool, str]:
    """How each pair is linked; any link will do, NVLink (NV…) or PCIe, but one must be known."""
    if len(told.cards) == 1:
        return True, "one card"
    links = parse_links(told.topology)
    if missing := unlinked(told.cards, links):
        return False, f"nvidia-smi topo says nothing of {', '.join(f'GPU{one}-GPU{two}' for one, two in missing)}"
    return True, ", ".join(f"GPU{one}-GPU{two} {link}" for (one, two), link in sorted(links.items()))
