"""The seal, judged by nft: a container opens no connection."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.bundle import BRIDGE
from templates import render
from tests.golden_text import golden

needs_nft = pytest.mark.skipif(not shutil.which("unshare") or not shutil.which("nft"), reason="there is no nft to ask")


def test_the_seal_is_what_was_reviewed() -> None:
    text = render("seal.nft.j2", bridge=BRIDGE)
    assert text == golden("seal.nft", text)


@needs_nft
def test_nft_takes_it_twice_in_a_row_and_it_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "seal.nft"
    path.write_text(render("seal.nft.j2", bridge=BRIDGE))
    script = f"nft -f {path} && nft -f {path} && nft list ruleset"
    words = ["unshare", "--net", "--map-root-user", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this user may make no network of its own")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f'iifname "{BRIDGE}" ct state != {{ established, related }} counter') == 1
    assert "table inet daybox" in done.stdout
