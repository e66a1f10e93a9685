"""The box these checks ask, and what they compare it with. Without a named box they must not run at all."""

import os
from collections.abc import Generator

import pytest

from playbooks.verify_box import FACTS_VARIABLE
from tests.host.facts import Facts, facts_from_file

NO_BOX = "no box named; run: fab verify"
LOST = "the box is not reached any more"
SSH_FAILED = 255  # ssh's own; what the checks run never ends with it


def pytest_configure(config: pytest.Config) -> None:
    """Without --hosts testinfra would ask this laptop, pass or fail about it, and not say so."""
    if not config.getoption("hosts", None) or FACTS_VARIABLE not in os.environ:
        raise pytest.UsageError(NO_BOX)


def pytest_report_header() -> str:
    """Which box it is."""
    known = facts_from_file()
    return f"box: {known.box['stack']} {known.instance_id} at {known.address}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A box that vanishes in the middle ends the checks: each of the others would wait for it in vain."""
    raised = call.excinfo.value.args if call.excinfo and call.excinfo.errisinstance(RuntimeError) else ()
    if raised and getattr(raised[0], "rc", None) == SSH_FAILED:
        item.session.shouldfail = LOST
    return (yield)


@pytest.fixture(scope="session")
def facts() -> Facts:
    """What the box is compared with."""
    return facts_from_file()


@pytest.fixture(params=["vllm-key", "token"])
def secret_file(request: pytest.FixtureRequest, facts: Facts) -> str:
    """The file of each secret that the box has. Compared on the box: the secret stays there."""
    if request.param == "token" and not facts.self_destruct:
        pytest.skip("selfDestruct is false: it has no token")
    return f"/etc/daybox/{request.param}"
