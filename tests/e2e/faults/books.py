"""What the API double itself wrote down: the truth that everything else is held against, also while it is down."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scripts.cloud import plans
from stacks.lease import until_of
from tests.cloud import Cloud


@dataclass(frozen=True)
class Life:
    """One box, by the events of the account; seconds since 1970, whole ones as the API shows them."""

    id: int
    created: float
    deleted: float | None

    def usd(self, plan: str, hour_seconds: float) -> float:
        """What it cost: every begun hour counts, and one at least."""
        assert self.deleted is not None, f"box {self.id} lives"
        hours = max(1, math.ceil((self.deleted - self.created) / hour_seconds))
        return hours * plans.BY_ID[plan].hourly


@dataclass(frozen=True)
class Books:
    """The double's state file."""

    cloud: Cloud

    def table(self, name: str) -> list[dict[str, Any]]:
        """All rows of one table."""
        tables = json.loads((self.cloud.folder / "state.json").read_text())
        return list(tables[name].values())

    def listed(self) -> list[dict[str, Any]]:
        """The boxes that the account has now, whatever it answers."""
        return self.table("instances") if (self.cloud.folder / "state.json").exists() else []

    def lives(self) -> list[Life]:
        """Every box that ever was."""
        events = self.table("events")
        began = {row["entity"]["id"]: row["at"] for row in events if row["action"] == "linode_create"}
        ended = {row["entity"]["id"]: row["at"] for row in events if row["action"] == "linode_delete"}
        return [Life(key, shown(at), shown(ended[key]) if key in ended else None) for key, at in began.items()]

    def asked_by(self, method: str, path: str = "") -> list[str]:
        """Whose tokens the account was asked with, by their labels."""
        return [entry["token"] for entry in self.cloud.requests(method, path)]


def shown(epoch: float) -> float:
    """A moment as the API shows it: whole seconds."""
    return float(int(epoch))


def end_of(row: dict[str, Any]) -> float:
    """When any killer may take the box, by its tag."""
    until = until_of(row["tags"])
    return (until or datetime.max.replace(tzinfo=UTC)).timestamp()
