"""Each row has an account of its own, on the local cloud. A plain pytest runs the quick rows; this folder's name, all.

`python -m scripts.faults` runs all of it and prints the matrix.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.row import Row
from tests.laptop import linode_settings, new_laptop

FOLDER = Path(__file__).parent
Rent = Callable[..., Row]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not quick, unless this folder was asked for by name."""
    if any(FOLDER.name in word for word in config.args):
        return
    slow = [item for item in items if FOLDER in item.path.parents and not item.get_closest_marker("quick")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


@pytest.fixture
def rent(tmp_path_factory: pytest.TempPathFactory, record_property: Callable[[str, object], None]) -> Iterator[Rent]:
    """Makes the row's laptop; whatever becomes of the row, nothing of it stays."""
    made: list[Row] = []

    def make(*, boxes: bool, stack: str, **more: str) -> Row:
        if boxes and (os.geteuid() != 0 or shutil.which("systemd-nspawn") is None):
            pytest.skip("boxes need root and systemd-nspawn")
        laptop = new_laptop(tmp_path_factory.mktemp("row"), boxes=boxes, stack=stack, **more)
        made.append(Row(laptop, record_property))
        if stack != "local":  # a sweep with LINODE_TOKEN in the environment asks the real account, too
            laptop.more["LINODE_TOKEN"] = secrets.token_hex(32)
            laptop.cloud.add_token(laptop.more["LINODE_TOKEN"], "*")
            made[-1].set(**linode_settings(laptop.cloud))
        return made[-1]

    try:
        yield make
    finally:
        for row in made:
            clear_away(row)


def clear_away(row: Row) -> None:
    """End the row's processes and boxes; a row that broke off still says how many boxes it left."""
    if not row.ended:
        row.tell("broke off", len(row.books.listed()), 0, "not counted")
    if (row.laptop.state / f"stacks/{row.laptop.stack}/tunnel").is_dir():
        row.laptop.run("fab tunnel.close")
    row.laptop.end_orphans()
    row.laptop.cloud.stop()


@pytest.fixture
def row(rent: Rent) -> Row:
    """Real boxes on a Linode stack: they boot and are armed; image and driver are not to be had here."""
    return rent(boxes=True, stack="coder-32b")


@pytest.fixture
def paper(rent: Rent) -> Row:
    """A cloud that keeps records only; arming, which needs a box, gives up at once, and then the box is given back."""
    return rent(boxes=False, stack="local", DAYBOX_ARM_SECONDS="1", DAYBOX_LANDING_SECONDS="5")


@pytest.fixture
def with_vllm(rent: Rent) -> Row:
    """A real box that serves a model."""
    return rent(boxes=True, stack="local")
