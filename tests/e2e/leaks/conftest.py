"""A plain pytest runs the quick rows; this folder's name, all. `python -m scripts.leaktest` prints the table."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from playbooks import seal
from tests.e2e.leaks import network
from tests.e2e.leaks.rows import Tried, installed, try_one

FOLDER = Path(__file__).parent
Try = Callable[..., dict[str, Tried]]
WORDS = {"all": "all at once", "none": "no trap"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not quick, unless this folder was asked for by name."""
    if any(f"e2e/{FOLDER.name}" in word for word in config.args):
        return
    slow = [item for item in items if FOLDER in item.path.parents and not item.get_closest_marker("quick")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture
def try_it(tmp_path: Path, record_property: Callable[[str, object], None]) -> Try:
    """Tries a client in several ways at the same time, and records what came of each."""
    if refused := network.refusal():
        pytest.skip(f"no network of our own here: {refused}")

    def run(client: str, traps: str, *ways: str, mishap: str = "") -> dict[str, Tried]:
        record_property("client", client)
        record_property("trap", mishap or WORDS.get(traps, traps))
        if not installed(client):
            pytest.skip(f"{client} is not installed: scripts/setup test")
        if refused := seal.refusal():
            ways = tuple(way for way in ways if way != "sealed")
            record_property("sealed", f"cannot: {refused}")
        with ThreadPoolExecutor(len(ways)) as pool:
            begun: dict[str, Future[Tried]] = {
                way: pool.submit(try_one, client, traps, way, tmp_path / way, mishap) for way in ways
            }
            tried = {way: future.result() for way, future in begun.items()}
        for way, outcome in tried.items():
            record_property(way, outcome.cell(way))
        return tried

    return run
