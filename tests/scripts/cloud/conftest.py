"""Local clouds for the tests of the API double; see tests/cloud.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cloud.store import Store
from tests.cloud import Cloud, start_cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One cloud for all tests that leave nothing behind which another could mind."""
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    yield running
    running.stop()


@pytest.fixture
def own_cloud(tmp_path: Path) -> Iterator[Cloud]:
    """A cloud for one test alone: to count in, to break, to kill."""
    running = start_cloud(tmp_path)
    yield running
    running.stop()


class Clock:
    """A clock that stands until it is told otherwise."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time, in the test's hand."""
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Store:
    """An empty store on that clock."""
    return Store(tmp_path / "state.json", clock)
