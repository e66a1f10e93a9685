"""The carrier: brings a kept compile cache to a new box, and fetches what a box has compiled. See compile_cache.py."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TypeVar

from playbooks.compile_cache import DONE, MOST_BYTES, Orders, folder, forget, kept, key, prune
from playbooks.report import BOX, OnBox, Report, is_silence, read_report
from stacks.errors import BoxError
from stacks.places import stack_dir, write_private
from stacks.ssh import Target, environment, remote, run
from templates.box.cache import REFUSED

T = TypeVar("T")
State = Mapping[str, object]

CARRY_SECONDS = 1800.0  # 200 MB through a thin line
LOOK_SECONDS, SILENT_LOOKS = 5.0, 20  # a box that reboots is back within a minute; one that is gone never answers
LOCK = "compile-cache.lock"
LATER = "fab bootstrap tries again"


def main() -> None:
    """Carry, as the orders on stdin say; of two carriers of one stack, the second has nothing to do."""
    orders = Orders(**json.load(sys.stdin))
    with open(stack_dir(orders.stack) / LOCK, "w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        try:
            carry(orders, Target(orders.stack, "", orders.alias, Path(), ()))  # its ssh_config is written
        except BoxError as error:
            note(error.line())


def carry(orders: Orders, target: Target, onbox: OnBox = BOX) -> None:
    """Bring what is kept to a box that has not begun, and fetch what it has compiled. Raises BoxError."""
    program = f"{onbox.root}/opt/daybox/bin/cache".replace("//", "/")
    found = until(lambda: state_with_card(target, program), target, orders.minutes)
    if not found["begun"] and (file := kept(name_of(orders, found))):
        push(target, program, file)
    until(lambda: ready_report(target, onbox), target, orders.minutes)
    found = state(target, program)
    if found["card"] and found["bytes"] and not kept(name := name_of(orders, found)):
        pull(target, program, name, orders.stack)
    write_private(stack_dir(orders.stack) / DONE, orders.began)


def name_of(orders: Orders, found: State) -> str:
    """The key of what this box compiles."""
    return key(orders.parts, str(found["card"]))


def state(target: Target, program: str) -> State:
    """What the box has: its card, the bytes it compiled, whether vLLM has begun. Raises BoxError."""
    done = run(target, f"{program} state")
    try:
        found: State = json.loads(done.stdout)
    except ValueError:
        said = done.stderr[-200:]
        raise BoxError(f"box/{target.alias}: it does not tell of its cache: {said!r}", hint=LATER) from None
    return found


def state_with_card(target: Target, program: str) -> State | None:
    """The state once it tells the card, or that it is too late to bring anything; None before that. Raises BoxError."""
    found = state(target, program)
    return found if found["card"] or found["begun"] else None


def ready_report(target: Target, onbox: OnBox) -> Report | None:
    """The report of a box from which a completion came back; None before that. Raises BoxError."""
    report = read_report(target, onbox=onbox)
    return report if report and report.ready else None


def until(ask: Callable[[], T | None], target: Target, minutes: float) -> T:
    """What `ask` gives once it gives anything. Raises BoxError if the box is silent for long, or takes too long."""
    deadline, silent = time.monotonic() + minutes * 60, 0
    while True:
        try:
            if (found := ask()) is not None:
                return found
            silent = 0
        except BoxError as error:
            silent += 1
            if not is_silence(error) or silent > SILENT_LOOKS:
                raise
        if time.monotonic() > deadline:
            raise BoxError(f"box/{target.alias}: not ready after {minutes:.0f} minutes", hint=LATER)
        time.sleep(LOOK_SECONDS)


def push(target: Target, program: str, file: Path) -> None:
    """Bring a kept cache to the box; one that is refused is not kept any longer. Raises BoxError if it takes long."""
    sha256 = json.loads(file.with_name(file.name.replace(".tar.gz", ".json")).read_text())["sha256"]
    began = time.monotonic()
    with file.open("rb") as content:
        words = remote(target, f"{program} unpack {sha256}")
        try:
            done = subprocess.run(
                words,
                env=environment(),
                stdin=content,
                capture_output=True,
                text=True,
                check=False,
                timeout=CARRY_SECONDS,
            )
        except subprocess.TimeoutExpired:
            fact = f"box/{target.alias}: it did not take its cache within {CARRY_SECONDS:.0f} s"
            raise BoxError(fact, hint=LATER) from None
    said = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
    note(f"to {target.alias}: {file.stat().st_size >> 10} KiB in {time.monotonic() - began:.1f} s: {said}")
    if done.returncode == REFUSED:  # any other trouble, as a full disk, is the box's own
        forget(file)


def pull(target: Target, program: str, name: str, stack: str) -> None:
    """Fetch what the box compiled. Raises BoxError if it does not come whole, or is too large."""
    draft, began = folder() / f".{name}.{time.monotonic_ns()}", time.monotonic()
    words = remote(target, f"{program} pack")
    try:
        with (
            open(draft, "xb", opener=private) as file,
            subprocess.Popen(words, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as packing,
        ):
            assert packing.stdout is not None  # we asked for a pipe
            sha256, size = copied(packing.stdout, file)
            if size > MOST_BYTES:
                packing.kill()
        if packing.returncode or not size:
            raise BoxError(f"box/{target.alias}: its compile cache did not come whole: {size} bytes", hint=LATER)
        draft.replace(folder() / f"{name}.tar.gz")
    finally:
        draft.unlink(missing_ok=True)
    facts = {"sha256": sha256, "bytes": size, "stack": stack, "box": target.alias}
    write_private(folder() / f"{name}.json", json.dumps(facts) + "\n")
    note(f"from {target.alias}: {size >> 10} KiB in {time.monotonic() - began:.1f} s, kept as {name}")
    prune()


def private(path: str, flags: int) -> int:
    """An opener: mode 0600 from the first moment on."""
    return os.open(path, flags, 0o600)


def copied(source: IO[bytes], target: IO[bytes]) -> tuple[str, int]:
    """Copy to the end, or to more than is kept; the hash and the number of bytes."""
    seen, size = hashlib.sha256(), 0
    while size <= MOST_BYTES and (block := source.read(1 << 20)):
        seen.update(block)
        size += target.write(block)
    return seen.hexdigest(), size


def note(text: str) -> None:
    """A line of the log."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    main()
