"""The box these checks ask, and what they compare it with. Without a named box they must not run at all."""

import os

import pytest

from playbooks.verify import FACTS_VARIABLE
from tests.host.facts import Facts, facts_from_file

NO_BOX = "no box named; run: fab verify"


def pytest_configure(config: pytest.Config) -> None:
    """Without --hosts testinfra would ask this laptop, pass or fail about it, and not say so."""
    if not config.getoption("hosts", None) or FACTS_VARIABLE not in os.environ:
        raise pytest.UsageError(NO_BOX)


def pytest_report_header() -> str:
    """Which box it is."""
    known = facts_from_file()
    return f"box: {known.box['stack']} {known.instance_id} at {known.address}"


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
