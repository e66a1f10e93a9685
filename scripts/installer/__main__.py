"""`scripts/setup [laptop|try|fast|test] [--check]`, and for people who change daybox `paths` and `pin`."""

import argparse
import fcntl
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.installer import paths
from scripts.installer.display import Display
from scripts.installer.job import Job
from scripts.installer.parts import parts_of
from scripts.installer.pin import pin
from scripts.installer.runner import Runner
from stacks.errors import DayboxError
from stacks.places import cache_dir

STOPPED = 130  # as a shell says it of Ctrl-C


def main() -> int:
    """Exit status: 0 if everything is there, 1 if not, 130 if stopped."""
    options = arguments().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended politely is stopped, too
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    try:
        return run(options.job, only_check=options.check)
    except KeyboardInterrupt:
        print("\nsetup: stopped; what is done is kept, run it again to go on", file=sys.stderr)
        return STOPPED
    except DayboxError as error:
        print(f"setup: {error.line()}", file=sys.stderr)
        return error.exit_code


def arguments() -> argparse.ArgumentParser:
    """What may stand on the line."""
    parser = argparse.ArgumentParser(prog="scripts/setup", description="Bring what daybox needs; safe to repeat.")
    parser.add_argument(
        "job", nargs="?", default=str(Job.LAPTOP), choices=[*map(str, Job), "paths", "pin"],
        help="laptop: rent real boxes (default) · try: scripts/try · fast: scripts/check --fast · test: scripts/check"
        " · paths: print where things are · pin: pin the lists of libraries anew",
    )  # fmt: skip
    parser.add_argument("--check", action="store_true", help="only report what is there and what is missing")
    return parser


def run(word: str, *, only_check: bool) -> int:
    """Do what `word` says."""
    if word == "paths":
        print(f"pulumi {paths.pulumi_bin()}\naider {paths.aider_bin()}\nnpm {paths.npm_folder()}")
        return 0
    if word == "pin":
        pin()
        return 0
    return report(Job(word)) if only_check else install(Job(word))


def report(job: Job) -> int:
    """Say of each part whether it is there; change nothing."""
    words = {part: part.ask(job) for part in parts_of(job)}
    for part, word in words.items():
        print(f"  {'there' if word else 'missing':<8}{part.name:<11}{word or f'{part.what}: {part.size()}'}")
    return 0 if all(words.values()) else 1


def install(job: Job) -> int:
    """Bring what is missing."""
    began = time.monotonic()
    display = Display()
    logs = cache_dir() / "setup"
    logs.mkdir(parents=True, exist_ok=True)
    display.line(f"setup {job}: logs in {logs}")
    with alone(logs / "lock", display):
        outcomes = Runner(job, parts_of(job), logs, display).run()
    bad = [outcome.part for outcome in outcomes if not outcome.is_good()]
    display.line(f"setup {job}: {'not here: ' + ', '.join(bad) if bad else 'ready'}, {time.monotonic() - began:.1f} s")
    return 1 if bad else 0


@contextmanager
def alone(lock: Path, display: Display) -> Iterator[None]:
    """Two set-ups at once would write the same folders: the second waits for the first."""
    with open(lock, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            display.line("  another set-up is under way: waiting for it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
