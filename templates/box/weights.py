#!/usr/bin/env python3
"""Stage weights: /var/lib/daybox/models/<name> means the model's files, handed in by the cloud or downloaded.

The program `download` comes with arming: gigabytes are fetched only by a box that can end itself.
"""

import json
import os
import time
from pathlib import Path

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))
DOWNLOAD = ROOT / "opt/daybox/bin/download"
MODEL = json.loads((ROOT / "opt/daybox/facts.json").read_text())["model"]
FOLDER = ROOT / "var/lib/daybox/models" / MODEL["name"]
HANDED_IN = ROOT / "var/cache/daybox/models" / MODEL["name"]


def complete() -> bool:
    """Whether what `download` left behind is what is asked for now."""
    note = FOLDER / ".daybox.json"
    hub_id, *revisions = json.loads(note.read_text()) if note.is_file() else [""]
    return hub_id == MODEL["hub_id"] and MODEL["revision"] in revisions


def main() -> None:
    """Say so if they are there, else link what was handed in, else download."""
    handed_in = HANDED_IN.is_dir()
    if complete() or (handed_in and FOLDER.is_symlink() and FOLDER.readlink() == HANDED_IN):
        print("@outcome already")
    elif handed_in:
        FOLDER.parent.mkdir(parents=True, exist_ok=True)
        FOLDER.unlink(missing_ok=True)
        FOLDER.symlink_to(HANDED_IN)
    else:
        while not DOWNLOAD.exists():
            time.sleep(1)
        os.execv(DOWNLOAD, [str(DOWNLOAD)])
    print(f"@word {FOLDER.resolve()}")


if __name__ == "__main__":
    main()
