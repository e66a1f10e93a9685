"""The guard of clients that run on Bun, as text; that it holds is shown with the real clients in tests/e2e/leaks."""

from pathlib import Path

import pytest

from playbooks.clients import cline, opencode
from playbooks.clients.bun_guard import SHARED, guard_text


@pytest.mark.parametrize("own", [cline.GUARD, opencode.GUARD], ids=lambda path: path.name)
def test_each_has_its_own_part_first_which_names_the_folder_of_ours(own: Path) -> None:
    text = guard_text(own)
    assert text.startswith(own.read_text()) and text.endswith(SHARED.read_text())
    assert text.count("const OWN = ") == 1 and "const OWN = " in own.read_text()
