"""Whose API this provider may speak to: one on this machine, and no other."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import ProviderError
from .values import Plain

WAY_OUT = "use the real linode provider (take the stand-in off PATH), or the local cloud (source scripts/env local)"
POLL_MS = 200  # the real one asks every 4000 ms out of politeness; a cloud on this machine needs none


@dataclass(frozen=True)
class Endpoint:
    """Where the API answers, and as whom we ask."""

    url: str
    """With version, without a slash at its end: `http://127.0.0.1:4711/v4`."""
    token: str = field(repr=False)
    poll_seconds: float

    @classmethod
    def from_arguments(cls, arguments: Plain, environment: Mapping[str, str] = os.environ) -> "Endpoint":
        """The provider's arguments, else its environment variables, checked. Raises ProviderError."""
        url = text(arguments, "url", environment.get("LINODE_URL", ""))
        token = text(arguments, "token", environment.get("LINODE_TOKEN", ""))
        if fault := url_fault(url) or ("" if token else "linode:token: not set; export LINODE_TOKEN"):
            raise ProviderError(fault)
        version = text(arguments, "apiVersion", environment.get("LINODE_API_VERSION", "v4"))
        poll_ms = text(arguments, "eventPollMs", environment.get("LINODE_EVENT_POLL_MS", str(POLL_MS)))
        return cls(url=f"{url.rstrip('/')}/{version}", token=token, poll_seconds=int(poll_ms) / 1000)


def text(arguments: Plain, name: str, otherwise: str) -> str:
    """The argument as text: the engine hands provider arguments over as text, or as what the text says in JSON."""
    return str(arguments.get(name) or otherwise)


def url_fault(url: str) -> str:
    """What forbids `url`, on one line; "" if its host is loopback."""
    if not url:
        return f"linode:url: not set, and this stand-in of the linode provider never speaks to Linode; {WAY_OUT}"
    if is_loopback(urlsplit(url).hostname or ""):
        return ""
    return f"linode:url: {url} is not on this machine: this stand-in of the linode provider goes no farther; {WAY_OUT}"


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name: whoever resolves it decides where it leads
