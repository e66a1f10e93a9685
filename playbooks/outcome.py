"""What one sweep came to: shown to people and programs, and judged."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from playbooks.found import Found
from stacks.account import Account
from stacks.errors import CloudError, LeftError
from stacks.lease import ISO_TIME


@dataclass
class Outcome:
    """accounts: those that were looked into, by API url. unseen: what in them was not, and why."""

    accounts: dict[str, Account] = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)
    ended: list[Found] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    looked_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def going(self) -> list[Found]:
        """What should go, the boxes first: nothing that protects a box goes before it."""
        return sorted((one for one in self.found if one.goes), key=lambda one: one.what != "box")

    @property
    def left(self) -> list[Found]:
        """What should go and was not ended."""
        return [one for one in self.going if one not in self.ended]

    def report(self) -> dict[str, Any]:
        """As `fab sweep --json` prints it."""
        return {
            "looked_at": self.looked_at.strftime(ISO_TIME),
            "accounts": list(self.accounts),
            "found": [one.row() for one in self.found],
            "ended": [one.row() for one in self.ended],
            "left": [one.row() for one in self.left],
            "not_looked_at": self.unseen,
            "faults": self.faults,
        }

    def text(self) -> str:
        """For people: what goes first, then what stays, each kind under its own head."""
        rows = sorted(self.found, key=lambda one: (not one.goes, one.kind))
        lines = list[str]()
        for (stays, kind), some in groupby(rows, key=lambda one: (not one.goes, one.kind)):
            lines += [f"{kind}, {'stays' if stays else 'goes'}:", *(f"  {one.line()}" for one in some)]
        lines += [f"not looked at: {word}" for word in self.unseen]
        if not self.going and not self.faults:  # what was not seen may well have to go
            lines.append("sweep: nothing to end")
        return "\n".join(lines)

    def judge(self, command: str) -> None:
        """Raises CloudError if something could not be looked at, ended or proved; LeftError for want of consent.

        command: which ends what was left.
        """
        left = f"{len(self.left)} left that should go: `{command} --yes` ends what it can"
        if self.faults:
            words = [*self.faults, *([left] if self.left else [])]
            raise CloudError(f"sweep: {'; '.join(words)}", hint="mend that and run it again")
        if self.left:
            raise LeftError(f"sweep: {len(self.left)} left that should go", hint=f"`{command} --yes` ends it")


def not_ended(found: Iterable[Found]) -> list[str]:
    """Of the boxes that were meant by name: why those live on that another owner rented, and never are touched."""
    return [
        f"box {one.id} belongs to owner {one.owner} until {one.until or 'an unknown time'} and bills: "
        "ask them, or delete it in the Cloud Manager"
        for one in found
        if one.kind == "foreign" and one.what == "box"
    ]
