"""The seal, judged by nft: a container opens no connection."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.bundle import BRIDGE, GROUP_ID
from templates import render
from tests.golden_text import golden
from tests.templates.conftest import OnBox

needs_nft = pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("nft"), reason="there is no nft to ask")


def seal(inside_port: int | None) -> str:
    """The rules of a box; inside_port: one with Open WebUI."""
    return render("seal.nft.j2", bridge=BRIDGE, inside_port=inside_port, group=GROUP_ID)


def test_the_seal_is_what_was_reviewed() -> None:
    text = seal(None)
    assert text == golden("seal.nft", text)


def test_with_open_webui_the_models_port_is_open_inside_and_nothing_else_differs() -> None:
    closed, opened = (seal(port).splitlines() for port in (None, 8000))
    comment, rule = [line.strip() for line in opened if line not in closed]
    assert rule == f'iifname "{BRIDGE}" tcp dport 8000 fib daddr oifname "{BRIDGE}" accept'
    assert comment.startswith("#") and [line for line in opened if line in closed] == closed


@needs_nft
@pytest.mark.parametrize("inside_port", [None, 8000], ids=["vllm", "webui"])
def test_nft_takes_it_twice_in_a_row_and_it_is_there_once(tmp_path: Path, inside_port: int | None) -> None:
    path = tmp_path / "seal.nft"
    path.write_text(seal(inside_port))
    script = f"nft -f {path} && nft -f {path} && nft list ruleset"
    words = ["unshare", "--net", "--map-root-user", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this user may make no network of its own")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f'iifname "{BRIDGE}" ct state != {{ established, related }} counter') == 1
    assert "table inet daybox" in done.stdout
    assert done.stdout.count("dport 8000") == (1 if inside_port else 0)


@pytest.fixture
def box(onbox: OnBox) -> OnBox:
    """A box with one of the daemons."""
    onbox.command("nft", "")
    onbox.command("id", 'case "$2" in systemd-timesync) echo 997 ;; *) exit 1 ;; esac')
    return onbox


def test_the_systems_own_daemons_may_ask_and_those_that_are_not_there_are_passed_over(box: OnBox) -> None:
    assert box.run("seal").returncode == 0
    assert [call for call in box.calls() if call.startswith("nft")] == [
        f"nft -f {box.root}/opt/daybox/seal.nft",
        "nft add element inet daybox daemons { 997 }",
    ]


def test_a_box_without_any_of_them_is_sealed_as_well(box: OnBox) -> None:
    box.command("id", "exit 1")
    assert box.run("seal").returncode == 0


def test_rules_that_nft_refuses_leave_the_box_unsealed_and_say_so(box: OnBox) -> None:
    """The unit fails then, and Docker does not start without it."""
    box.command("nft", "exit 1")
    assert box.run("seal").returncode != 0
