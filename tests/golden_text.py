"""Texts kept in tests/golden and reviewed as a diff. `DAYBOX_GOLDEN=write` writes them anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def golden(name: str, text: str) -> str:
    """What is kept under `name`; `text` itself when golden texts are written anew."""
    path = FOLDER / name
    if os.environ.get("DAYBOX_GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return path.read_text()
