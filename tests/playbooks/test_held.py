"""What a state holds is read only to tell: whatever is wrong with Pulumi, it is unknown and nothing fails."""

from collections.abc import Callable
from pathlib import Path

import pytest

from playbooks.held import held_by

BOX = '{"type": "linode:index/instance:Instance", "id": "7"}'


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a pretended Pulumi of this shell script; there is no other."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///nowhere")

    def make(script: str) -> None:
        (tmp_path / "pulumi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "pulumi").chmod(0o755)

    return make


def test_a_state_that_can_be_read_tells_its_boxes(pulumi: Callable[[str], None]) -> None:
    pulumi(f"""echo '{{"deployment": {{"resources": [{BOX}]}}}}'""")
    assert held_by("local") == frozenset({7})


@pytest.mark.parametrize(
    "script",
    [
        "echo 'error: no stack named local' >&2; exit 255",
        "echo 'error: incorrect passphrase' >&2; exit 1",
        "echo {",
        "echo []",
    ],
)
def test_a_state_that_cannot_be_read_is_unknown_and_not_empty(pulumi: Callable[[str], None], script: str) -> None:
    pulumi(script)
    assert held_by("local") is None


def test_without_pulumi_it_is_unknown(pulumi: Callable[[str], None]) -> None:
    assert held_by("local") is None


def test_pulumis_own_default_backend_is_not_asked(
    pulumi: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    pulumi(f"""echo '{{"deployment": {{"resources": [{BOX}]}}}}'""")
    monkeypatch.delenv("PULUMI_BACKEND_URL")
    assert held_by("local") is None
