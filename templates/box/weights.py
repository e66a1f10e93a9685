#!/usr/bin/env python3
"""Stage weights: /var/lib/daybox/models/<name> means a model's files, handed in by the cloud or downloaded.

The program `download` comes with arming: gigabytes are fetched only by a box that can end itself.
"""

import json
import os
import time
from pathlib import Path

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))
DOWNLOAD = ROOT / "opt/daybox/bin/download"
FACTS = json.loads((ROOT / "opt/daybox/facts.json").read_text())
MODELS = [FACTS[role] for role in ("model", "architect") if role in FACTS]
STORE, HANDED_IN = ROOT / "var/lib/daybox/models", ROOT / "var/cache/daybox/models"


def complete(model: dict[str, str]) -> bool:
    """Whether what `download` left behind is what is asked for now."""
    note = STORE / model["name"] / ".daybox.json"
    hub_id, *revisions = json.loads(note.read_text()) if note.is_file() else [""]
    return hub_id == model["hub_id"] and model["revision"] in revisions


def there(model: dict[str, str]) -> bool:
    """Whether nothing is to be done."""
    folder, handed_in = STORE / model["name"], HANDED_IN / model["name"]
    return complete(model) or (handed_in.is_dir() and folder.is_symlink() and folder.readlink() == handed_in)


def main() -> None:
    """Say so if they are there, else link what was handed in, and download the rest."""
    already = all(map(there, MODELS))
    for model in MODELS:
        folder, handed_in = STORE / model["name"], HANDED_IN / model["name"]
        if handed_in.is_dir() and not there(model):
            STORE.mkdir(parents=True, exist_ok=True)
            folder.unlink(missing_ok=True)
            folder.symlink_to(handed_in)
    if not all(map(there, MODELS)):
        while not DOWNLOAD.exists():
            time.sleep(1)
        os.execv(DOWNLOAD, [str(DOWNLOAD)])
    print("@outcome already\n" * already + f"@word {', '.join(str((STORE / one['name']).resolve()) for one in MODELS)}")


if __name__ == "__main__":
    main()
