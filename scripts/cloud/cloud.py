"""One local cloud: what it knows, the boxes under it, and one request to it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.cloud import events
from scripts.cloud.auth import Caller
from scripts.cloud.boxes import Boxes, PaperBoxes
from scripts.cloud.replies import Json
from scripts.cloud.store import Store


@dataclass
class Cloud:
    """Everything the handlers work on. api_port: where the double listens on 127.0.0.1."""

    store: Store
    boxes: Boxes
    api_port: int
    rules_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    others: dict[str, "Cloud"] = field(default_factory=dict)  # other accounts, by name: all of their boxes are on paper

    def of(self, caller: Caller) -> "Cloud":
        """What the caller's account sees: another account's lists are empty, and our ids are a 404 to it."""
        if not caller.account:
            return self
        if caller.account not in self.others:
            folder = self.store.file.parent / f"account-{caller.account}"
            folder.mkdir(exist_ok=True)
            self.others[caller.account] = Cloud(Store(folder / "state.json"), PaperBoxes(folder), self.api_port)
        return self.others[caller.account]

    def devices(self, **wanted: int) -> list[Json]:
        """The firewall devices with these values: `firewall_id`, `instance_id`."""
        rows = self.store.rows("devices")
        return [row for row in rows if all(row[name] == value for name, value in wanted.items())]

    def hold_volumes(self, instance_id: int | None) -> None:
        """Bring what the box has attached in line with the records."""
        if instance_id:
            rows = [row for row in self.store.rows("volumes") if row["linode_id"] == instance_id]
            self.boxes.set_volumes(instance_id, {row["label"]: row["id"] for row in rows})

    async def hold_rules(self, instance_id: int) -> None:
        """Bring the box's link in line with its firewalls: without an enabled one, everything is let in."""
        async with self.rules_lock:  # so that an older answer never overwrites a newer one
            rules = self._rules(instance_id)
            await asyncio.to_thread(
                self.boxes.set_rules, instance_id, rules.get("inbound") or [], rules.get("inbound_policy", "ACCEPT")
            )

    def _rules(self, instance_id: int) -> Json:
        firewalls = [self.store.get("firewalls", row["firewall_id"]) for row in self.devices(instance_id=instance_id)]
        rules: Json = next((row["rules"] for row in firewalls if row["status"] == "enabled"), {})
        return rules


@dataclass(frozen=True)
class Call:
    """One request. ids: the numbers and names in its path; body: its JSON object; wanted: its X-Filter."""

    cloud: Cloud
    caller: Caller
    ids: Mapping[str, int | str]
    query: Mapping[str, str]
    body: Json
    wanted: Json

    @property
    def store(self) -> Store:
        """The cloud's store."""
        return self.cloud.store

    def row(self, table: str, name: str) -> Json:
        """The row that the path names. Raises the API's 404."""
        return self.store.get(table, int(self.ids[name]))

    def record(self, action: str, kind: str, row: Json, secondary: Json | None = None) -> None:
        """Write an event down about `row`, in the caller's name."""
        events.record(self.store, action, self.caller.username, events.entity(kind, row), secondary)
