"""Where a client's own files lie: below home, unless a variable of the user's has moved them.

`--config` writes below home only. What it would put there is not read by a client that looks elsewhere, so that the
user would work with another model and think it is the box's.
"""

import os
from pathlib import Path

from stacks.errors import ConfigError


def refuse_moved(client: str, variable: str, usual: Path) -> None:
    """Raises ConfigError if the variable names another folder than the usual one."""
    said = os.environ.get(variable, "")
    if said and os.path.realpath(said) != os.path.realpath(usual):
        raise ConfigError(
            f"{variable}: leads {client} to {said}, and daybox writes into {usual} only; nothing was written",
            hint=f"unset {variable}, or start it with `fab launch {client}`",
        )
