"""For all tests: a terminal's signals, whatever started pytest; and nothing that one test leaves for the next."""

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.cloud import Cloud, start_cloud

# Started in the background (`nohup … &`), pytest would ignore Ctrl-C, and so would every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# What people and their CI have set: a terminal's width and colours, stacks and tokens of theirs, proxies.
SURROUNDINGS = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
# Where their own clients keep what is theirs.
FOLDERS = ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "LLM_USER_PATH", "PI_CODING_AGENT_DIR", "XDG_CONFIG_HOME")
for name in [*os.environ]:
    if name in (*SURROUNDINGS, *FOLDERS) or name.startswith(("CLINE_", "LINODE_", "PULUMI_", "HF_", "TRANSFORMERS_")):
        del os.environ[name]
os.environ["LINODE_CLI_CONFIG"] = os.devnull  # who runs the tests may use linode-cli
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An account of the local cloud, without boxes, for all tests of a file."""
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _whole_tracebacks() -> Iterator[None]:
    """A resource operation that fails shortens the tracebacks of its process, which here is everybody's."""
    yield
    if hasattr(sys, "tracebacklimit"):
        del sys.tracebacklimit
