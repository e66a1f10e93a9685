"""`python -m scripts.cloud start|stop|status|prepare`: the local cloud from the command line."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from stacks.errors import DayboxError
from stacks.places import cloud_dir


def main(words: Sequence[str]) -> int:
    """Run one subcommand and give the exit status."""
    wish = _parser().parse_args(words)
    try:
        COMMANDS[wish.command](wish)
    except DayboxError as error:
        print(error.line(), file=sys.stderr)
        return error.exit_code
    return 0


def _start(wish: argparse.Namespace) -> None:
    from scripts.cloud.daemon import start

    print(start(cloud_dir(), paper=wish.no_boxes))


def _stop(wish: argparse.Namespace) -> None:
    from scripts.cloud.daemon import stop

    for line in stop(cloud_dir(), boxes=wish.boxes):
        print(line)


def _status(wish: argparse.Namespace) -> None:
    from scripts.cloud.daemon import status

    now = status(cloud_dir())
    if wish.json:
        print(json.dumps(asdict(now), indent=2))
        return
    print(f"local cloud: {now.url}" if now.running else "local cloud: not running; start it: source scripts/env local")
    for box in now.boxes:
        print(f"  box {box['id']}  {box['state']}  {box['address'] or '-'}  {box['label'] or 'known to no record'}")


def _serve(wish: argparse.Namespace) -> None:
    from scripts.cloud.serve import serve

    serve(wish.folder or cloud_dir(), wish.port, paper=wish.no_boxes)


def _prepare(wish: argparse.Namespace) -> None:
    from scripts.cloud.prepare import main as prepare

    prepare(wish.parts, check=wish.check)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "serve": _serve,
    "prepare": _prepare,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/cloud", description="The local cloud: pretend money, real boxes.")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="start the API double unless it runs, and print its URL")
    start.add_argument("--no-boxes", action="store_true", help="boxes on paper only: needs no root")
    stop = commands.add_parser("stop", help="end the API double; boxes live on")
    stop.add_argument("--boxes", action="store_true", help="end its boxes, too")
    commands.add_parser("status", help="what runs").add_argument("--json", action="store_true")
    serve = commands.add_parser("serve", help="answer in the foreground (what `start` runs)")
    serve.add_argument("--folder", type=Path)
    serve.add_argument("--port", type=int, default=0)
    serve.add_argument("--no-boxes", action="store_true")
    prepare = commands.add_parser("prepare", help="make what boxes need: root file system, packages, model")
    prepare.add_argument("parts", nargs="*", metavar="PART", help="only these, and what they need")
    prepare.add_argument("--check", action="store_true", help="only say what is missing")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
