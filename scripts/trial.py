"""The whole job on the local cloud, step by step: what `./scripts/try` runs when everything is installed."""

import argparse
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from scripts import environment, leftovers
from stacks import catalog
from stacks.errors import DayboxError
from stacks.interrupt import ENDING, Ended, end
from stacks.places import local_url
from stacks.price import billed_hours, billed_usd
from stacks.values import named

ROOT = Path(__file__).resolve().parent.parent
STACK, COMPARED = "local", "coder-30b"
CLEAN_UP_SECONDS = 300  # of one command: a lost create is waited for, and a deletion
TAIL = 600  # characters of what a failed command said
ASK = "add a function add(a, b) that returns the sum"
CALC = "def sub(a, b):\n    return a - b\n"
FAB = ("fab", "--search-root", str(ROOT))
UP = ("pulumi", "-C", str(ROOT), "up", "-s", STACK, "--yes", "--non-interactive", "--suppress-outputs")
CANCEL = ("pulumi", "-C", str(ROOT), "cancel", "-s", STACK, "--yes", "--non-interactive")
DESTROY = ("pulumi", "-C", str(ROOT), "destroy", "-s", STACK, "--yes", "--non-interactive")


@dataclass
class Trial:
    """One run: the environment of its commands, and how long each step took, seconds."""

    environment: Mapping[str, str]
    took: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, *words: str) -> Iterator[None]:
        """Announce a step and note its time."""
        print(f"\n== {name}" + (f": {shown(words)}" if words else ""), flush=True)
        began = time.monotonic()
        yield
        self.took[name] = time.monotonic() - began
        print(f"== {name}: {self.took[name]:.1f} s", flush=True)

    def run(self, name: str, *words: str, cwd: Path = ROOT) -> None:
        """Run one command in view. Raises CalledProcessError if it fails.

        Ctrl-C reaches the command as well: it is waited for, because a Pulumi that is killed leaves its stack locked.
        """
        with self.step(name, *words), subprocess.Popen(words, env=dict(self.environment), cwd=cwd) as process:
            try:
                status = process.wait()
            except KeyboardInterrupt as interrupt:
                if isinstance(interrupt, Ended):
                    process.send_signal(signal.SIGINT)
                process.wait()
                raise
        if status:
            raise subprocess.CalledProcessError(status, words)

    def quietly(self, *words: str, cwd: Path = ROOT) -> str:
        """What a command prints. Raises CalledProcessError if it fails."""
        return subprocess.run(
            words, env=dict(self.environment), cwd=cwd, check=True, capture_output=True, text=True
        ).stdout


def shown(words: tuple[str, ...]) -> str:
    """A command as a person would type it."""
    left_out = {"-C", "--search-root", str(ROOT), "--non-interactive", "--suppress-outputs"}
    return shlex.join(word for word in words if word not in left_out)


def whole_job(trial: Trial) -> None:
    """Rent, work, verify. Raises CalledProcessError or AssertionError where it does not hold."""
    trial.run("rent", *UP)
    with tempfile.TemporaryDirectory(prefix="daybox-try-") as folder:
        work_with_aider(trial, Path(folder))
    trial.run("verify", *FAB, "verify")


def work_with_aider(trial: Trial, repository: Path) -> None:
    """Make the box ready, open the tunnel, let the model make one edit in a throw-away repository, and show it."""
    (repository / "calc.py").write_text(CALC)
    git = ("git", "-c", "user.name=daybox", "-c", "user.email=daybox@localhost")
    for words in (("init", "-q"), ("add", "calc.py"), ("commit", "-qm", "start")):
        trial.quietly(*git, *words, cwd=repository)
    aider = ("launch-aider", "--", "--message", ASK, "--yes-always", "calc.py")
    trial.run("work", *FAB, "tunnel", *aider, cwd=repository)
    print(trial.quietly("git", "show", "--stat", "--patch", "--format=commit: %s", cwd=repository))
    # aider exits 0 even when nothing was edited: what counts is the commit, and that the function adds
    assert trial.quietly("git", "rev-list", "--count", "HEAD", cwd=repository).strip() == "2", "aider committed nothing"
    trial.quietly(sys.executable, "-c", "from calc import add; assert add(2, 3) == 5, add(2, 3)", cwd=repository)
    print("the model's function was run: add(2, 3) == 5")


def give_back(trial: Trial) -> None:
    """Close the tunnel, end the box, stop the local cloud, and prove that nothing is left."""
    trial.run("close the tunnel", *FAB, "tunnel.close")
    trial.run("give back", *DESTROY)
    with trial.step("prove that nothing is left"):
        leftovers.prove_nothing_left(trial.environment, STACK)


def clean_up(trial: Trial) -> None:
    """After a failure or Ctrl-C: end everything that was begun, whatever state it is in, and say what was done."""
    for number in (signal.SIGINT, *ENDING):  # an impatient second one must not cut off what gives the box back
        signal.signal(number, signal.SIG_IGN)
    print("\ncleaning up; it may take two minutes", flush=True)
    url, stop = local_url(), (sys.executable, "-m", "scripts.cloud", "stop", "--boxes")
    # Without an environment there was no `up` yet, but the local cloud may have been started.
    for words in ((*FAB, "tunnel.close"), CANCEL, DESTROY, stop) if trial.environment else (stop,):
        print(f"  {shown(words)}: {cleaned(words, dict(trial.environment) or None)}", flush=True)
    leftovers.end_helpers()
    leftovers.show(leftovers.on_this_machine(STACK, url))


def cleaned(words: tuple[str, ...], variables: dict[str, str] | None) -> str:
    """`done`, or the end of what the command said instead; Pulumi says on stdout why it failed."""
    try:
        done = subprocess.run(
            words,
            env=variables,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            start_new_session=True,
            timeout=CLEAN_UP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {CLEAN_UP_SECONDS} s"
    return "done" if done.returncode == 0 else done.stdout.strip()[-TAIL:]


def money(lived_seconds: float) -> str:
    """What this run's time would have cost for real."""
    declared = yaml.safe_load((ROOT / f"stacks/Pulumi.{COMPARED}.yaml").read_text())["config"]
    plan = named(catalog.PLANS, declared["daybox:plan"])
    usd, hours = billed_usd(lived_seconds, plan.usd_per_hour), billed_hours(lived_seconds)
    return (
        f"the same time on {COMPARED} ({plan.name}) would cost ${usd:.2f}: {hours} begun hour "
        f"at ${plan.usd_per_hour:.2f} (daybox catalog {plan.price_read})"
    )


def main() -> int:
    """Run the whole job; exit status 0 only if all of it held and nothing is left."""
    parser = argparse.ArgumentParser(prog="./scripts/try", description="The whole job on the local cloud.")
    parser.add_argument("--keep", action="store_true", help="leave the box up and print the next commands")
    keep = parser.parse_args().keep
    for number in ENDING:
        signal.signal(number, end)
    trial = Trial({})
    try:
        trial.environment = environment.ready(STACK)
        whole_job(trial)
        if not keep:
            give_back(trial)
    except BaseException as error:  # whatever it was, nothing may stay behind
        print(f"\nscripts/try: {reason(error)}", file=sys.stderr, flush=True)
        clean_up(trial)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    print("\n" + "\n".join(f"{seconds:7.1f} s  {name}" for name, seconds in trial.took.items()))
    print(f"{sum(trial.took.values()):7.1f} s  in all; {money(sum(trial.took.values()))}")
    if keep:
        print(
            "the box is up. Next:\n"
            "  source scripts/env local\n  fab status\n  fab tunnel launch-aider\n  pulumi destroy -s local"
        )
    return 0


def reason(error: BaseException) -> str:
    """Why the run ended, for people."""
    if isinstance(error, subprocess.CalledProcessError):
        return f"`{shown(tuple(error.cmd))}` ended with {error.returncode}\n{error.stderr or ''}"
    return error.line() if isinstance(error, DayboxError) else (str(error) or type(error).__name__)


if __name__ == "__main__":
    sys.exit(main())
