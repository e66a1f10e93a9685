"""What `--config` puts into a client's own files is taken by that client, and leads it to the box and nowhere else."""

import json
from pathlib import Path

import pytest

from tests.e2e.leaks import network
from tests.e2e.leaks.merged_inside import WORDS
from tests.e2e.leaks.rows import ROW_SECONDS, installed

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("client", WORDS)
def test_a_client_that_is_started_by_its_own_name_works_on_the_box(client: str, tmp_path: Path) -> None:
    if refused := network.refusal():
        pytest.skip(f"no network of our own here: {refused}")
    if not installed(client):
        pytest.skip(f"{client} is not installed: scripts/setup test")
    done = network.run_in_world("tests.e2e.leaks.merged_inside", [client, str(tmp_path)], ROW_SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (found["status"], found["edited"], found["elsewhere"]) == (0, True, []), found["said"]
