"""A prompt that does not fit is refused before the model computes anything, and aider's user is told the numbers."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks.clients.aider import AIDER
from playbooks.clients.program import find_program
from playbooks.clients.start import start_client
from playbooks.tunnel_files import tunnel_dir
from playbooks.witness import witness_of
from stacks.errors import ModelError
from stacks.places import cache_dir
from tests.playbooks.clients.test_start import box
from tests.playbooks.fake_box import USAGE, WINDOW, GatewayWorld, gateway_world

pytestmark = pytest.mark.skipif(not find_program(AIDER), reason="aider is not installed: scripts/setup")
LINES = 12_000
MODEL = "qwen3-coder-30b"
SHORT, LONG = ("--message", "say ok", "--yes-always"), ("--message", "say ok", "--yes-always", "big.py")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayWorld]:
    """A gateway before a box that holds less than the file in the user's repository."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAYBOX_CACHE", str(cache_dir()))  # where aider is
    monkeypatch.setenv("HOME", str(tmp_path))
    repository = tmp_path / "repository"
    repository.mkdir()
    monkeypatch.chdir(repository)
    (repository / "big.py").write_text("".join(f"value_{number} = {number}\n" for number in range(LINES)))
    line = "git init -q && git add big.py && git -c user.name=u -c user.email=u@localhost commit -qm start"
    subprocess.run(line, shell=True, check=True)
    with gateway_world(tunnel_dir("s"), witness=lambda port: witness_of(box(port))) as running:
        running.box.holds = 3 * WINDOW
        yield running


def test_aider_shows_how_long_it_is_and_the_launcher_does_not_say_0(
    world: GatewayWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError) as caught:
        start_client(box(world.port, model=MODEL), AIDER, LONG)
    assert caught.value.fact == (
        f"aider: 1 request was refused unread: prompt and answer do not fit into the model's window of {WINDOW} tokens"
    )
    said = capfd.readouterr()
    whole = " ".join((said.out + said.err).split())
    for shown in (
        r"estimated chat context of 10\d,\d{3} tokens exceeds the 28,672 token limit",
        r"Input tokens: ~10\d,\d{3} of 28,672",
        r"Output tokens: ~0 of 4,096",
    ):
        assert re.search(shown, whole), whole
    assert world.usage.by_client["aider"].overflow == 1
    assert world.usage.by_client["aider"].prompt_tokens == USAGE["prompt_tokens"]  # of the trial; no other was computed


def test_what_fits_is_answered(world: GatewayWorld) -> None:
    """The control."""
    assert start_client(box(world.port, model=MODEL), AIDER, SHORT) == 0
    assert world.usage.by_client["aider"].overflow == 0
