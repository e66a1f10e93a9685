"""NVIDIA's cards as `nvidia-smi` tells of them: how they are now, and how they are linked. Pure.

A card says `[N/A]` or `[Not Supported]` for what it does not know, `[Unknown Error]` when it has fallen off the bus:
such a figure is None, never 0.
"""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from stacks.printable import clean

FIELDS = (
    *("index", "name", "utilization.gpu", "memory.used", "memory.total", "temperature.gpu", "power.draw"),
    *("driver_version", "persistence_mode"),
)
QUERY = f"--query-gpu={','.join(FIELDS)}"
FORM = "--format=csv,noheader,nounits"
NOT_FOUND = 127  # a shell's own


@dataclass(frozen=True)
class Card:
    """One card. used: of its time, percent; memory in MiB; celsius, watts: None for what it does not say.

    persistent: whether its driver stays loaded while nobody uses it.
    """

    index: int
    name: str
    used: float | None
    memory: float | None
    memory_total: float | None
    celsius: float | None
    watts: float | None
    driver: str
    persistent: bool | None


def smi_command() -> str:
    """Shell command that prints a line for each card."""
    return shlex.join(["timeout", "10", "nvidia-smi", QUERY, FORM])


def topology_command() -> str:
    """Shell command that prints how the cards are linked."""
    return shlex.join(["timeout", "10", "nvidia-smi", "topo", "-m"])


def parse_cards(text: str) -> tuple[Card, ...]:
    """The cards in what `smi_command` printed; lines that tell of none are passed over."""
    rows = ([cell.strip() for cell in line.split(",")] for line in text.splitlines())
    return tuple(card(row) for row in rows if len(row) == len(FIELDS) and row[0].isdigit())


def card(row: list[str]) -> Card:
    """One line, cell by cell."""
    index, name, used, memory, total, celsius, watts, driver, persistence = row
    return Card(
        index=int(index),
        name=clean(name),
        used=figure(used),
        memory=figure(memory),
        memory_total=figure(total),
        celsius=figure(celsius),
        watts=figure(watts),
        driver=clean(driver),
        persistent={"Enabled": True, "Disabled": False}.get(persistence),
    )


def figure(text: str) -> float | None:
    """A number, None for everything else that a card may say."""
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def parse_links(text: str) -> dict[tuple[int, int], str]:
    """How each pair of cards is linked, as `nvidia-smi topo -m` has it: NV4, PIX, PXB, PHB, NODE, SYS."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)  # it underlines its head, also in a pipe
    lines = [line.split() for line in plain.splitlines()]
    names = next(([word for word in line if re.fullmatch(r"GPU\d+", word)] for line in lines if line), [])
    found = dict[tuple[int, int], str]()
    for line in lines:
        if len(line) > len(names) and line[0] in names and "X" in line[1 : len(names) + 1]:
            mine = int(line[0].removeprefix("GPU"))
            for name, link in zip(names, line[1:], strict=False):
                found[mine, int(name.removeprefix("GPU"))] = link
    return {pair: link for pair, link in found.items() if pair[0] < pair[1]}


def unlinked(cards: tuple[Card, ...], links: Mapping[tuple[int, int], str]) -> list[tuple[int, int]]:
    """The pairs of which nothing is said."""
    return [pair for pair in combinations([one.index for one in cards], 2) if pair not in links]
