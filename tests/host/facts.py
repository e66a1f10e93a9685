"""What `fab verify` hands to the checks of a box."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playbooks.verify_box import FACTS_VARIABLE


@dataclass(frozen=True)
class Facts:
    """What this checkout and the stack declare of the box; see playbooks/verify_box.py."""

    box: dict[str, Any]
    address: str
    instance_id: int
    lease: str
    dies_at: str
    served_name: str
    architect_name: str
    idle_minutes: float
    ready_minutes: float
    self_destruct: bool
    box_api_url: str
    gpu: bool
    image: str
    bundle_sha256: str
    files: list[dict[str, Any]]


def facts_from_file() -> Facts:
    """The facts that `fab verify` wrote. Raises KeyError if it did not."""
    return Facts(**json.loads(Path(os.environ[FACTS_VARIABLE]).read_text()))
