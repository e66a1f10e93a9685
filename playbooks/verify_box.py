"""Ask the box itself whether it is what this checkout says: testinfra's checks (tests/host), over the pinned ssh."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from playbooks.boxes import ROOT
from stacks.box import Box
from stacks.errors import BoxError
from stacks.ssh import Target

if TYPE_CHECKING:
    from stacks.settings import Settings

Row = dict[str, Any]  # check, outcome, seconds, word
FACTS_VARIABLE = "DAYBOX_VERIFY"  # tests/host/conftest.py reads the file it names
CHECK_SECONDS = 15  # of one check, which takes one or two: a few that hang leave time for others
PYTEST_SECONDS = 4  # to start, and to write its report
END_SECONDS = 2  # to hang up
KEEP_SECONDS = 5  # of the one ssh connection between two checks; ended at the end in any case
# Prefixes of variables that no check needs: credentials; and a person's own PYTEST_ADDOPTS could leave checks out.
NOT_PASSED = ("LINODE_", "PULUMI_", "HF_", "PYTEST_")
ALL_PASSED, SOME_FAILED = 0, 1  # pytest's exit status
TOO_LATE = 124  # as timeout(1) has it


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
        "architect_name": box.architect_name,
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


def run_checks(target: Target, known: Mapping[str, Any], deadline: float, *, quiet: bool) -> list[Row]:
    """Run tests/host against the box; one row a check that began. quiet: what pytest says goes to stderr.

    deadline: by the monotonic clock. Raises BoxError if pytest could not run them at all.
    """
    with tempfile.TemporaryDirectory(prefix="dbx-") as folder:  # short: a Unix socket's path has 107 bytes
        facts_file, config, report = (Path(folder, name) for name in ("facts.json", "ssh_config", "report.xml"))
        facts_file.write_text(json.dumps(known))
        config.write_text(shared_connection(target, Path(folder, "ssh")))
        variables = environment(os.environ, facts_file)
        left, nowhere = deadline - time.monotonic(), subprocess.DEVNULL
        words = pytest_words(target.alias, config, report, left - CHECK_SECONDS - PYTEST_SECONDS)
        status = exit_status(words, left, cwd=ROOT, env=variables, stdout=sys.stderr if quiet else None)
        exit_status(end_connection(target.alias, config), END_SECONDS, env=variables, stdout=nowhere, stderr=nowhere)
        if status not in (ALL_PASSED, SOME_FAILED, TOO_LATE) or not report.is_file():
            end = "did not end in time" if status == TOO_LATE else f"ended with {status}"
            raise BoxError(f"box/{target.alias}: pytest {end}", hint="see `fab status`: is the box there?")
        return whole(checks_in(report.read_text()), status)


def exit_status(words: Sequence[str], seconds: float, **where: Any) -> int:
    """That of a command, TOO_LATE if it had to be killed after so many seconds. where: as subprocess takes it."""
    try:
        return subprocess.run(words, timeout=seconds, check=False, **where).returncode
    except subprocess.TimeoutExpired:
        return TOO_LATE


def whole(rows: list[Row], status: int) -> list[Row]:
    """The rows, and one more if pytest broke off although all of them are good: what never began has not passed."""
    if status == ALL_PASSED or any(row["outcome"] == "failed" for row in rows):
        return rows
    word = "no time was left for all of them"
    return [*rows, {"check": "every_check_was_made", "outcome": "failed", "seconds": 0.0, "word": word}]


def shared_connection(target: Target, control: Path) -> str:
    """The ssh_config of the target, with one connection for all checks: testinfra has no option for its socket."""
    return f"ControlPath {control}\n{target.config_text()}"


def pytest_words(alias: str, config: Path, report: Path, seconds: float) -> list[str]:
    """Arguments that run the checks on the box. config: ssh's; report: where JUnit's XML goes.

    seconds: after so many no further check begins.
    """
    return [
        *(sys.executable, "-m", "pytest", "tests/host"),
        *(f"--hosts=ssh://{alias}?controlpersist={KEEP_SECONDS}", f"--ssh-config={config}"),
        *("-p", "testinfra.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"),
        *(f"--timeout={CHECK_SECONDS}", f"--session-timeout={max(seconds, 1.0):.0f}"),
        *("--tb=short", "-v", f"--junitxml={report}"),
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
