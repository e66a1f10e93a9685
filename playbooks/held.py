"""What Pulumi's states hold: read only to tell, never needed. Without Pulumi or its backend it is unknown."""

import os


def held_by(stack: str) -> frozenset[int] | None:
    """Ids of the boxes in the stack's state; None if it was not read: unknown is not empty."""
    from stacks.lease import held_ids
    from stacks.lot import export

    if not os.environ.get("PULUMI_BACKEND_URL"):
        return None  # Pulumi would ask its own default backend, which is not daybox's
    try:
        return frozenset(held_ids(export(stack)))
    except Exception:  # whatever it is: no Pulumi, no passphrase, a state of another form. A killer goes on without
        return None
