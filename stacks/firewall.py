"""Who may reach which port of a box, and why, as data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One inbound rule of the cloud's firewall. label: 3-32 characters."""

    label: str
    ports: str
    protocol: str
    why: str


INBOUND = (
    # vLLM listens on the box's loopback; the tunnel goes through ssh, so nothing else needs to be open.
    Rule("allow-ssh", "22", "TCP", "arming, bootstrap and the tunnel come in here, from sshFrom only"),
)
INBOUND_POLICY = "DROP"
# The box fetches driver, image and weights; what sees prompts is sealed on the box itself (templates/box/seal.nft).
OUTBOUND_POLICY = "ACCEPT"
