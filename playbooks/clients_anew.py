"""After a switch: what clients were told of the model is written anew, from what the box itself lists now."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from playbooks import aider
from playbooks.endpoint import trusted
from playbooks.gateway_process import orders_for
from playbooks.progress import say
from playbooks.tunnel import is_open
from playbooks.tunnel_files import tunnel_dir
from stacks.box import Box, box_target
from stacks.errors import DayboxError
from stacks.places import stack_dir


@dataclass(frozen=True)
class Clients:
    """What became of them. window_tokens: as the box lists it; None: no tunnel is open. aider: its files are new."""

    window_tokens: int | None = None
    aider: bool = False

    def words(self) -> str:
        """What a person should know or do."""
        if self.window_tokens is None:
            return "no tunnel is open: `fab tunnel`, `fab launch-aider` and `fab env` find the new model by themselves"
        own = "aider's files are written anew: start it again; " if self.aider else ""
        return f'through the tunnel it lists {self.window_tokens} tokens; {own}other clients: eval "$(fab env)" again'


def rewrite(box: Box, inherited: Mapping[str, str] = os.environ) -> Clients:
    """Write clients' files anew where a tunnel is open. What cannot be written is said: the switch itself was done."""
    if not is_open(box, orders_for(box, box_target(box)), tunnel_dir(box.stack)):
        return Clients()
    window_tokens = None
    try:
        endpoint = trusted(box, aider.CLIENT)
        window_tokens = endpoint.window(box.served_name)
        if (stack_dir(box.stack) / aider.CLIENT).is_dir():  # else it was never started here
            aider.prepare(box, endpoint, window_tokens, [], inherited)
            return Clients(window_tokens, aider=True)
    except DayboxError as error:
        say(error.line())
    return Clients(window_tokens)
