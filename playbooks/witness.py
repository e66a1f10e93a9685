"""How a gateway proves whose it is, before a key or a prompt is sent to it.

A port is only a number: another stack's gateway may have it, or any program of this laptop that claims a name. So who
is asked must show, for a number that nobody saw before, that it knows a secret of the stack's own folder and keeps the
tunnel to this very box. The secret never leaves that folder; the box at the other end is proved by ssh's pinned key.
"""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass, field

from playbooks.keys import locked
from playbooks.tunnel_files import Orders, tunnel_dir
from stacks.box import Box
from stacks.places import stack_dir, write_private

SECRET_FILE = "witness"
NONCE = re.compile("[0-9a-f]{32}")  # what a gateway signs, and nothing else


@dataclass(frozen=True)
class Claim:
    """Which box a gateway says it speaks for, where, and over which pinned ssh."""

    stack: str
    lease: str
    instance_id: int
    port: int
    alias: str
    ssh_config: str
    host_key: str


@dataclass(frozen=True)
class Witness:
    """A claim and the secret that proves it."""

    claim: Claim
    secret: str = field(repr=False)

    def proof(self, nonce: str) -> str:
        """What proves this claim for `nonce`; empty for what is no nonce."""
        if not NONCE.fullmatch(nonce):
            return ""
        text = json.dumps([nonce, asdict(self.claim)], sort_keys=True)
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    def accepts(self, nonce: str, shown: object) -> bool:
        """Whether `shown` proves it."""
        return isinstance(shown, str) and hmac.compare_digest(
            self.proof(nonce).encode(), shown.encode(errors="surrogatepass")
        )


def new_nonce() -> str:
    """A number that nobody saw before."""
    return secrets.token_hex(16)


def witness_of(box: Box) -> Witness:
    """What the gateway of this box must prove."""
    config = str((stack_dir(box.stack) / "ssh_config").resolve())
    claim = Claim(box.stack, box.lease, box.instance_id, box.port, box.alias, config, box.host_key)
    return Witness(claim, own_secret(box.stack))


def witness_in(orders: Orders) -> Witness:
    """What a gateway with these orders can prove, and no more."""
    claim = Claim(**{name: getattr(orders, name) for name in Claim.__dataclass_fields__})
    return Witness(claim, own_secret(orders.stack))


def own_secret(stack: str) -> str:
    """The secret of the stack's gateway on this laptop, 0600, made at the first call."""
    file = tunnel_dir(stack) / SECRET_FILE
    with locked(tunnel_dir(stack) / ".witness.lock"):
        if not file.is_file():
            write_private(file, secrets.token_hex(32) + "\n")
        return file.read_text().strip()
