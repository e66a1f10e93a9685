"""What leads every client elsewhere, whichever it is: variables of the shell that it is started from.

Named is what can carry a prompt away, or bring a stranger's code into the client's own process. Not named:
certificates (SSL_CERT_FILE, NODE_EXTRA_CA_CERTS), for the gateway is spoken to without TLS; names of hosts
(HOSTALIASES), for clients are given an address; PYTHONSTARTUP, which no program reads that has a task; git's hooks,
which no clone brings. A repository's own files are named by the rows of the clients that read them.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from playbooks.clients.client import Conflict, Place
from playbooks.clients.reading import is_ours, proxied, root_of
from playbooks.clients.surroundings import PROGRAMS

HERE = "the environment"
# Set at all, each loads a library into every program: proxychains and torsocks work so, past loopback's exception too.
LIBRARIES = ("LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES")
# Of node and bun, which claude, codex, opencode, cline and pi run on: options that load code, or files of variables.
OPTIONS = ("NODE_OPTIONS", "BUN_OPTIONS")
LOADS = re.compile(r"(^|\s)(-r|--(require|import|preload|loader|experimental-loader|env-file\S*|use-env-proxy))\b")
# Where clients that are measured with OpenTelemetry send what they did; Claude Code's prompts, if asked to.
TELEMETRY = re.compile(r"OTEL_EXPORTER_OTLP_(\w+_)?ENDPOINT")
MODULES = "PYTHONPATH"


def for_all(place: Place) -> list[Conflict]:
    """The environment, if it leads elsewhere. All is overruled: no client inherits it, or is looked for by it."""
    given = place.environment
    names = [
        *proxied(given),
        *(name for name in LIBRARIES if given.get(name)),
        *(name for name in OPTIONS if LOADS.search(given.get(name, ""))),
        *(name for name in given if TELEMETRY.fullmatch(name) and not is_ours(given[name], place.port)),
        *modules(given, place.folder),
        *programs(given),
    ]
    return [Conflict(HERE, tuple(names))] if names else []


def modules(given: Mapping[str, str], folder: Path) -> list[str]:
    """PYTHONPATH, if a repository's files would be a client's modules by it: aider and llm are written in Python."""
    root = root_of(folder)
    entries = given.get(MODULES, "").split(os.pathsep) if given.get(MODULES) else []
    return [MODULES] if any(is_inside(entry, folder, root) for entry in entries) else []


def programs(given: Mapping[str, str]) -> list[str]:
    """PATH, if an entry of it depends on where one stands: a repository's `node` or `git` would be the client's.

    Whatever lies there now, the next `npm install` or `git pull` may bring more.
    """
    entries = given[PROGRAMS].split(os.pathsep) if PROGRAMS in given else []
    return [] if all(map(os.path.isabs, entries)) else [PROGRAMS]


def is_inside(entry: str, folder: Path, root: Path) -> bool:
    """Whether an entry of such a list leads into the repository; an empty one is the folder one stands in."""
    real = Path(os.path.realpath(folder / entry))
    return real == root or Path(os.path.realpath(root)) in (real, *real.parents)
