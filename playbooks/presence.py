"""Whether a box is there: the account's word, and only a whole one counts."""

from collections.abc import Sequence
from typing import Literal

from stacks.account import Account, Instance

Presence = Literal["up", "gone", "unknown"]


def presence(account: Account, listed: Sequence[Instance], instance_id: int) -> Presence:
    """`gone` only if neither list nor a question for this very id finds the box, and an event says it was deleted.

    Another account's list lacks it, too; ids are unique, so its events cannot have it. If the three contradict each
    other nothing is known. Raises CloudError if the account does not answer.
    """
    if any(row.id == instance_id for row in listed):
        return "up"
    return "gone" if account.instance(instance_id) is None and account.deleted_at(instance_id) else "unknown"


def is_gone(account: Account, instance_id: int) -> bool:
    """Whether the account is certain that there is no such box. Raises CloudError if it does not answer."""
    return presence(account, account.instances(), instance_id) == "gone"
