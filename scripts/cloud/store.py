"""All that the API double knows, in one file that survives kill -9: every change is on disk before it is answered."""

import json
import os
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from scripts.cloud.replies import Json, not_found

TABLES = ("instances", "firewalls", "devices", "volumes", "tokens", "events", "tags", "logins")
EVENTS_KEPT = 2000  # far more than one lease makes; the real API keeps 90 days
FIRST_EVENT = 600_000_000  # events must count upwards: clients ask for those after the last they saw


class Store:
    """Tables of rows by id. Call `save` after each change and before anybody is told of it."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self.file = file
        self.clock = clock
        raw: Json = json.loads(file.read_text()) if file.exists() else {}
        self.account: Json = raw.get("account") or {"euuid": str(uuid.uuid4()).upper(), "since": clock()}
        self.tables: dict[str, dict[int, Json]] = {name: _by_number(raw.get(name) or {}) for name in TABLES}

    def rows(self, table: str) -> list[Json]:
        """All rows of a table, oldest first."""
        return list(self.tables[table].values())

    def get(self, table: str, row_id: int) -> Json:
        """One row. Raises the API's 404."""
        row = self.tables[table].get(row_id)
        if row is None:
            raise not_found()
        return row

    def add(self, table: str, row: Json) -> Json:
        """Put `row` into the table under a new id, stamped with now."""
        stamp = zoneless(self.clock())
        new_id = self._new_id(table)
        self.tables[table][new_id] = {"id": new_id, "created": stamp, "updated": stamp} | row
        return self.tables[table][new_id]

    def touch(self, row: Json) -> None:
        """Say that the row changed now."""
        row["updated"] = zoneless(self.clock())

    def remove(self, table: str, row_id: int) -> None:
        """Take one row out, if it is there."""
        self.tables[table].pop(row_id, None)

    def save(self) -> None:
        """Write everything down: a new file, forced to disk, put in the old one's place."""
        for old in list(self.tables["events"])[:-EVENTS_KEPT]:
            del self.tables["events"][old]
        draft = self.file.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"account": self.account} | self.tables, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.file)
        _sync_folder(self.file.parent)

    def _new_id(self, table: str) -> int:
        if table == "events":
            return max(self.tables["events"], default=FIRST_EVENT) + 1
        # Random, so that the boxes of two clouds on one machine never share a name.
        while (new := random.randrange(10_000_000, 100_000_000)) in self.tables[table]:
            pass
        return new


def _by_number(rows: Json) -> dict[int, Json]:
    return {int(key): row for key, row in rows.items()}  # JSON knows only text as keys


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def zoneless(epoch: float) -> str:
    """The API's form of a time: UTC, to the second, without a zone."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
