"""Linode's own validation of API requests (npm @linode/validation), for bodies that the local cloud saw."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.installer.paths import npm_folder

# Not for attaching a volume: its schema is the Cloud Manager's form, which wants the optional config_id.
SCHEMAS = {
    ("POST", r"/linode/instances"): "CreateLinodeSchema",
    ("PUT", r"/linode/instances/\d+"): "UpdateLinodeSchema",
    ("POST", r"/networking/firewalls"): "CreateFirewallSchema",
    ("PUT", r"/networking/firewalls/\d+"): "UpdateFirewallSchema",
    ("POST", r"/networking/firewalls/\d+/devices"): "FirewallDeviceSchema",
    ("POST", r"/volumes"): "CreateVolumeSchema",
    ("PUT", r"/volumes/\d+"): "UpdateVolumeSchema",
    ("POST", r"/volumes/\d+/resize"): "ResizeVolumeSchema",
    ("POST", r"/profile/tokens"): "createPersonalAccessTokenSchema",
}
# It demands a password with every image, where the API itself is content with keys (recorded API traffic).
MISTAKEN = ("You must provide a root password when deploying from an image.",)
SCRIPT = """
const schemas = require('@linode/validation');
const asked = JSON.parse(require('fs').readFileSync(0));
const schemaOf = (name) => (typeof schemas[name] === 'function' ? schemas[name]() : schemas[name]);
Promise.all(asked.map(({ schema, body }) =>
  schemaOf(schema).validate(body, { abortEarly: false }).then(() => [], (fault) => fault.errors)
)).then((faults) => console.log(JSON.stringify(faults)));
"""


def node_modules() -> Path:
    """Where the package is; without it, or without node, the test that asks is skipped with a word."""
    if shutil.which("node") is None:
        pytest.skip("no node on PATH: Linode's own validation of requests cannot be run")
    modules = npm_folder() / "node_modules"
    if not (modules / "@linode/validation").is_dir():
        pytest.skip(f"{modules}: no @linode/validation; scripts/setup brings it")
    return modules


def faults_of(requests: list[dict[str, Any]]) -> list[str]:
    """What Linode's own validation has against these requests. requests: entries of the local cloud's log."""
    asked = [(entry, schema_of(entry)) for entry in requests]
    known = [(entry, schema) for entry, schema in asked if schema]
    found = _validate([{"schema": schema, "body": entry["body"] or {}} for entry, schema in known])
    named = [(entry, fault) for (entry, _), faults in zip(known, found, strict=True) for fault in faults]
    return [f"{entry['method']} {entry['path']}: {fault}" for entry, fault in named if fault not in MISTAKEN]


def schema_of(entry: dict[str, Any]) -> str | None:
    """Which schema fits the request; None if Linode has none for it."""
    for (method, path), schema in SCHEMAS.items():
        if entry["method"] == method and re.fullmatch(rf"/v4(beta)?{path}", entry["path"]):
            return schema
    return None


def _validate(bodies: list[dict[str, Any]]) -> list[list[str]]:
    where = node_modules().parent  # node looks for the package in its working folder
    run = subprocess.run(
        ["node", "-e", SCRIPT], input=json.dumps(bodies), cwd=where, capture_output=True, text=True, check=True
    )
    faults: list[list[str]] = json.loads(run.stdout)
    return faults
