"""What Pulumi's states hold: read only to tell, never needed. Without Pulumi or its backend it is unknown."""

import os


def held_by(stack: str) -> frozenset[int] | None:
    """Ids of the boxes in the stack's state; None if it was not read: unknown is not empty."""
    if not os.environ.get("PULUMI_BACKEND_URL"):
        return None  # Pulumi would ask its own default backend, which is not daybox's
    return held_here(stack)


def held_here(stack: str) -> frozenset[int] | None:
    """The same of whatever backend Pulumi itself would ask."""
    from stacks.lease import held_ids
    from stacks.lot import export

    try:
        return frozenset(held_ids(export(stack)))
    except Exception:  # whatever it is: no Pulumi, no passphrase, a state of another form. A killer goes on without
        return None
