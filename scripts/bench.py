"""Measure, then claim: `python -m scripts.bench local` prints a table and writes JSON.

Speeds are read here and never in a timed test: a slow machine is not a broken program.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import requests

from scripts import environment
from scripts.bench_gateway import gateway_overhead
from scripts.trial import DESTROY, FAB, UP, Trial, clean_up
from stacks.places import local_url, stack_dir

REPEATS = 7
MODEL = "qwen3-coder-30b"  # sized against every plan
CREATE = "/v4/linode/instances"


@dataclass(frozen=True)
class Figure:
    """One measured figure and the most it should be; lower is better."""

    what: str
    value: float
    unit: str
    aim: float

    @property
    def line(self) -> str:
        """One row of the table."""
        mark = "within" if self.value <= self.aim else "BEYOND"
        return f"{self.what:<58} {self.value:8.2f} {self.unit:<6} {mark} {self.aim:g}"


def seconds_of(action: Callable[[], object]) -> float:
    """How long `action` takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def command_seconds(trial: Trial, *words: str, repeats: int = 1) -> float:
    """Median seconds of a command."""
    return statistics.median(seconds_of(lambda: trial.quietly(*words)) for _ in range(repeats))


def bench_local(trial: Trial) -> list[Figure]:
    """The whole job on the local cloud with warm caches, timed from outside."""
    up = command_seconds(trial, *UP)
    trial.quietly(*FAB, "tunnel")  # makes it ready first
    answered, accepted = time.time(), accepted_at()
    chain = longest_chain_seconds()
    figures = [
        Figure("pulumi up, until the box is armed", up, "s", 20),
        Figure("box ready: API's yes to first completion in the tunnel", answered - accepted, "s", 20),
        Figure("box ready / longest chain of its stages", (answered - accepted) / chain, "ratio", 1.15),
        Figure("fab bootstrap, again", command_seconds(trial, *FAB, "bootstrap", repeats=3), "s", 3),
        Figure("fab tunnel, again", command_seconds(trial, *FAB, "tunnel", repeats=3), "s", 1),
        Figure("fab -l", command_seconds(trial, *FAB, "-l", repeats=REPEATS), "s", 0.3),
        Figure("fab fit, no network", command_seconds(trial, *FAB, "fit", MODEL, repeats=REPEATS), "s", 0.5),
        Figure("fab models, no network", command_seconds(trial, *FAB, "models", repeats=REPEATS), "s", 0.5),
        Figure("fab plans --refresh, three lists", command_seconds(trial, *FAB, "plans", "--refresh"), "s", 2),
        Figure("fab status", command_seconds(trial, *FAB, "status", repeats=3), "s", 2),
        Figure("fab tunnel.close", command_seconds(trial, *FAB, "tunnel.close"), "s", 1),
        Figure("pulumi destroy", command_seconds(trial, *DESTROY), "s", 15),
    ]
    return [*figures, Figure("gateway, added to a request, p50", gateway_overhead(), "ms", 5)]


def longest_chain_seconds() -> float:
    """The longest chain of stages in the table that `fab bootstrap` kept last: no order could have made it shorter."""
    tables = sorted((stack_dir("local") / "stages").glob("*.json"), key=lambda path: path.stat().st_mtime)
    return float(json.loads(tables[-1].read_text())["longest_chain"]["seconds"])


def accepted_at() -> float:
    """When the API was asked for the box, seconds since 1970, by its own log: `created` has whole seconds only."""
    asked = requests.get(f"{local_url()}/admin/requests", timeout=10).json()["data"]
    return float(next(row["at"] for row in reversed(asked) if row["method"] == "POST" and row["path"] == CREATE))


def main() -> int:
    """Print the table, write the JSON; exit status 1 if a figure is beyond its aim."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench", description="python -m scripts.bench local")
    parser.add_argument("subject", choices=["local"])
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    trial = Trial(environment.ready(arguments.subject))
    try:
        figures = bench_local(trial)
    except BaseException as error:  # Ctrl-C, too: no box stays behind
        if isinstance(error, subprocess.CalledProcessError):
            print(error.stdout, error.stderr, sep="\n", file=sys.stderr)
        clean_up(trial)
        raise
    print("\n".join(figure.line for figure in figures))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    return 0 if all(figure.value <= figure.aim for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
