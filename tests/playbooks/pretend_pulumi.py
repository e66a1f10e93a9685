"""A stand-in for Pulumi, for tests of what we ask it to do; the real one is met in tests/e2e."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Pulumi notes here how it was called; its `up` ends with the status in `up-status`."""
    script = f'#!/bin/sh\nshift 2\necho "$*" >>{tmp_path}/calls\n[ "$1" != up ] || exit "$(cat {tmp_path}/up-status)"\n'
    (tmp_path / "pulumi").write_text(script)
    (tmp_path / "pulumi").chmod(0o755)
    (tmp_path / "up-status").write_text("0")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path / "calls"
