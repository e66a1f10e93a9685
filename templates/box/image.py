#!/usr/bin/env python3
"""Stage image: vLLM's container image is there, loaded from what the cloud handed in, or pulled."""

import json
import os
import subprocess
import time
from pathlib import Path

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))
IMAGE = json.loads((ROOT / "opt/daybox/facts.json").read_text())["image"]
NAME, TAR = IMAGE["name"], ROOT / "var/cache/daybox/image" / IMAGE["tar"]
TRIES, PAUSE_S = 4, float(os.environ.get("DAYBOX_PAUSE", 10))  # a hiccup must not cost the lease; layers that came stay


def docker(*words: str | Path) -> str:
    """What Docker prints, empty if it fails; then its error is in our own output."""
    done = subprocess.run(["docker", *words], stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def found() -> str:
    """Digest and size of the image if Docker has it. The digest is the registry's, else the image's own id."""
    which = "{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}} {{.Size}}"
    return docker("image", "inspect", "--format", which, NAME)


def main() -> None:
    """Say so if it is there, else bring it; then ask again."""
    facts = found()
    if facts:
        print("@outcome already")
    elif IMAGE["tar"]:
        docker("load", "--quiet", "--input", TAR)
    else:
        for number in range(TRIES):
            time.sleep(PAUSE_S * number)
            if docker("pull", "--quiet", NAME):
                break
    facts = facts or found()
    if not facts:
        raise SystemExit(f"{NAME} is not there, neither loaded nor pulled")
    digest, size = facts.split()
    (ROOT / "var/lib/daybox/image").write_text(f"{digest}\n")
    print(f"@word {NAME}, {digest[-64:][:12]}\n@bytes {size}")


if __name__ == "__main__":
    main()
