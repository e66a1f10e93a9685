"""Ask the box itself whether it is what this checkout says: testinfra, over the pinned ssh."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from invoke.context import Context

from playbooks.boxes import ROOT, STACK_HELP, find_box, find_settings
from playbooks.command import command, print_json
from stacks.box import Box, box_target
from stacks.errors import BoxError
from stacks.ssh import Target, run

if TYPE_CHECKING:
    from stacks.settings import Settings

FACTS_VARIABLE = "DAYBOX_VERIFY"  # tests/host/conftest.py reads the file it names
KEEP_SECONDS = 5  # of the one ssh connection between two checks; ended at the end in any case
SECRETS = ("LINODE_", "PULUMI_", "HF_")  # prefixes of variables that no check needs
NAMED = 5  # failed checks that the last line names; pytest has shown them all
ALL_PASSED, SOME_FAILED = 0, 1  # pytest's exit status


@command(help=STACK_HELP | {"json": "print JSON for programs"})
def verify(_c: Context, stack: str | None = None, json: bool = False) -> None:
    """Check the box: is it what this checkout says, and closed?"""
    box = find_box(stack)
    checks = run_checks(box, facts(box, find_settings(box.stack)), quiet=json)
    if json:
        print_json({"stack": box.stack, "lease": box.lease, "instance_id": box.instance_id, "checks": checks})
    failed = [check["check"] for check in checks if check["outcome"] == "failed"]
    if failed:
        names = ", ".join(failed[:NAMED]) + (" …" if len(failed) > NAMED else "")
        raise BoxError(
            f"box/{box.alias}: {len(failed)} of {len(checks)} checks failed: {names}",
            hint="`fab bootstrap` brings what this checkout declares, and wakes its watchdog",
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


def run_checks(box: Box, known: Mapping[str, Any], *, quiet: bool) -> list[dict[str, Any]]:
    """Run tests/host against the box; one row a check. quiet: what pytest says goes to stderr.

    Raises BoxError if the box is not reached, or pytest could not run them at all.
    """
    target = box_target(box)
    run(target, "true")  # else every check would wait for a box that nobody reaches
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
        *("--tb=short", "-v", f"--junitxml={report}"),
    ]


def end_connection(alias: str, config: Path) -> list[str]:
    """Arguments that end the ssh connection of the checks."""
    return ["ssh", "-F", str(config), "-O", "exit", alias]


def environment(inherited: Mapping[str, str], facts_file: Path) -> dict[str, str]:
    """The variables of the checks: no credentials, and where the facts are."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(SECRETS)}
    # Without the plugins that only tests of code use, pytest starts a second sooner.
    return kept | {FACTS_VARIABLE: str(facts_file), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def checks_in(xml: str) -> list[dict[str, Any]]:
    """One row a check, from JUnit's XML: check, outcome (passed, failed, skipped), seconds, word."""
    return [check(case) for case in ElementTree.fromstring(xml).iter("testcase")]


def check(case: ElementTree.Element) -> dict[str, Any]:
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
