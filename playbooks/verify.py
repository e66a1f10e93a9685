"""Ask the box itself whether it is what this checkout says, and its model whether it works: all over the pinned ssh.

What it is, testinfra asks (tests/host); side by side with it the cards and the model are tried (verify_*.py).
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from invoke.context import Context

from playbooks.boxes import ROOT, STACK_HELP, find_box, find_settings
from playbooks.command import command, print_json
from playbooks.progress import say
from stacks.box import Box, box_target
from stacks.errors import BoxError
from stacks.ssh import Target, run

if TYPE_CHECKING:
    from stacks.settings import Settings

Row = dict[str, Any]  # check, outcome, seconds, word
FACTS_VARIABLE = "DAYBOX_VERIFY"  # tests/host/conftest.py reads the file it names
CHECK_SECONDS = 50  # of one check: a box that hangs must not hold up the others for minutes
KEEP_SECONDS = 5  # of the one ssh connection between two checks; ended at the end in any case
# Prefixes of variables that no check needs: credentials; and a person's own PYTEST_ADDOPTS could leave checks out.
NOT_PASSED = ("LINODE_", "PULUMI_", "HF_", "PYTEST_")
NAMED = 5  # failed checks that the last line names; pytest has shown them all
ALL_PASSED, SOME_FAILED = 0, 1  # pytest's exit status


@command(help=STACK_HELP | {"json": "print JSON for programs"})
def verify(_c: Context, stack: str | None = None, json: bool = False) -> None:
    """Check the box: is it what this checkout says, and does its model work?

    Example: fab verify --json
    """
    box = find_box(stack)
    settings = find_settings(box.stack)
    run(box_target(box), "true")  # else every check would wait for a box that nobody reaches
    own, trial = side_by_side(
        lambda: run_checks(box, facts(box, settings), quiet=json),
        lambda stop: try_out(box_target(box), settings, stop),
    )
    checks = [*own, *trial]
    if json:
        print_json({"stack": box.stack, "lease": box.lease, "instance_id": box.instance_id, "checks": checks})
    else:
        print("\n".join(map(line, trial)), flush=True)
    judge(box, own, trial)


def side_by_side(first: Callable[[], list[Row]], second: Callable[[Event], list[Row]]) -> tuple[list[Row], list[Row]]:
    """What both come to, asked at the same time. second: is given what tells it to end early, should `first` fail."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(second, stop)
        try:
            own = first()
            if not beside.done():
                say("the model is still being tried")
            return own, beside.result()
        finally:
            stop.set()


def try_out(target: Target, settings: "Settings", stop: Event) -> list[Row]:
    """What the cards and the model do; one row a check."""
    from playbooks.served import Served
    from playbooks.verify_cards import card_rows
    from playbooks.verify_model import model_rows

    cards = card_rows(target, settings.plan.gpus if settings.device.gpu else 0)
    return [*cards, *model_rows(Served.of(target, settings), stop)]


def line(row: Row) -> str:
    """A row for people."""
    word = f"  {row['word']}" if row["word"] else ""
    return f"{row['check']} {row['outcome'].upper()} ({row['seconds']:.1f} s){word}"


def judge(box: Box, own: Sequence[Row], trial: Sequence[Row]) -> None:
    """Raises BoxError if a check failed, naming the first of them and what may cure them."""
    failed = [row["check"] for row in (*own, *trial) if row["outcome"] == "failed"]
    if not failed:
        return
    names = ", ".join(failed[:NAMED]) + (" …" if len(failed) > NAMED else "")
    other_box = any(row["outcome"] == "failed" for row in own)
    bootstrap = "`fab bootstrap` brings what this checkout declares, and wakes its watchdog"
    raise BoxError(
        f"box/{box.alias}: {len(failed)} of {len(own) + len(trial)} checks failed: {names}",
        hint=bootstrap if other_box else "`fab doctor` says what is wrong with its vLLM",
    )


def facts(box: Box, settings: "Settings") -> dict[str, Any]:
    """What the checks compare the box with; nothing secret."""
    from stacks.bundle import bundle_for

    bundle = bundle_for(settings)
    return {
        "box": asdict(box),
        "address": box.address,
        "instance_id": box.instance_id,
        "lease": box.lease,
        "dies_at": box.dies_at,
        "served_name": box.served_name,
        "idle_minutes": settings.idle_minutes,
        "ready_minutes": settings.ready_minutes,
        "self_destruct": settings.self_destruct,
        "box_api_url": settings.box_api_url,
        "gpu": settings.device.gpu,
        "image": settings.device.image,
        "bundle_sha256": bundle.sha256,
        "files": [
            {"path": file.path, "mode": file.mode, "sha256": hashlib.sha256(file.content.encode()).hexdigest()}
            for file in bundle.files
        ],
    }


def run_checks(box: Box, known: Mapping[str, Any], *, quiet: bool) -> list[Row]:
    """Run tests/host against the box; one row a check. quiet: what pytest says goes to stderr.

    Raises BoxError if pytest could not run them at all.
    """
    target = box_target(box)
    with tempfile.TemporaryDirectory(prefix="dbx-") as folder:  # short: a Unix socket's path has 107 bytes
        facts_file, config, report = (Path(folder, name) for name in ("facts.json", "ssh_config", "report.xml"))
        facts_file.write_text(json.dumps(known))
        config.write_text(shared_connection(target, Path(folder, "ssh")))
        variables = environment(os.environ, facts_file)
        words, output = pytest_words(target.alias, config, report), sys.stderr if quiet else None
        status = subprocess.run(words, cwd=ROOT, env=variables, stdout=output, check=False).returncode
        subprocess.run(end_connection(target.alias, config), env=variables, capture_output=True, check=False)
        if status not in (ALL_PASSED, SOME_FAILED) or not report.is_file():
            raise BoxError(f"box/{box.alias}: pytest ended with {status}", hint="see `fab status`: is the box there?")
        return checks_in(report.read_text())


def shared_connection(target: Target, control: Path) -> str:
    """The ssh_config of the target, with one connection for all checks: testinfra has no option for its socket."""
    return f"ControlPath {control}\n{target.config_text()}"


def pytest_words(alias: str, config: Path, report: Path) -> list[str]:
    """Arguments that run the checks on the box. config: ssh's; report: where JUnit's XML goes."""
    return [
        *(sys.executable, "-m", "pytest", "tests/host"),
        *(f"--hosts=ssh://{alias}?controlpersist={KEEP_SECONDS}", f"--ssh-config={config}"),
        *("-p", "testinfra.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"),
        *("--tb=short", "-v", f"--timeout={CHECK_SECONDS}", f"--junitxml={report}"),
    ]


def end_connection(alias: str, config: Path) -> list[str]:
    """Arguments that end the ssh connection of the checks."""
    return ["ssh", "-F", str(config), "-O", "exit", alias]


def environment(inherited: Mapping[str, str], facts_file: Path) -> dict[str, str]:
    """The variables of the checks: no credentials, no options of a person's own, and where the facts are."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(NOT_PASSED)}
    # Without the plugins that only tests of code use, pytest starts a second sooner.
    return kept | {FACTS_VARIABLE: str(facts_file), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def checks_in(xml: str) -> list[Row]:
    """One row a check, from JUnit's XML: check, outcome (passed, failed, skipped), seconds, word."""
    return [check(case) for case in ElementTree.fromstring(xml).iter("testcase")]


def check(case: ElementTree.Element) -> Row:
    """One check of JUnit's XML."""
    bad = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
    outcome = "passed" if bad is None else "skipped" if bad.tag == "skipped" else "failed"
    said = [] if bad is None else (bad.get("message") or bad.tag).splitlines()
    return {
        "check": plain_name(case.get("name", "")),
        "outcome": outcome,
        "seconds": float(case.get("time", 0)),
        "word": said[0] if said else "",
    }


def plain_name(name: str) -> str:
    """`test_a_thing[ssh://daybox-7-token]` -> `test_a_thing[token]`: the box is the same in all of them."""
    return re.sub(r"-?ssh://daybox-\d+", "", name).replace("[-", "[").removesuffix("[]")
