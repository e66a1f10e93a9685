"""The Hub: what it says of a model, read for sizing. No weights come here; those the box fetches itself."""

import json
import logging
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from stacks.errors import CloudError, ConfigError, ModelError, UsageError
from stacks.hub_config import INDEX, MOST_BYTES, Card, bytes_of_weights, model_of, refuse_files
from stacks.hub_errors import TIMEOUT_S, plain_errors
from stacks.hub_layers import ANOTHER
from stacks.models import Model
from stacks.places import cache_dir, write_private
from stacks.secrets import hub_token

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

HUB = "https://huggingface.co"
HUB_ID = r"\w[\w.-]*/\w[\w.-]*"
CONFIG, TOKENIZER, QUANTIZATION = "config.json", "tokenizer_config.json", "hf_quant_config.json"
READ = (CONFIG, INDEX, TOKENIZER, QUANTIZATION)
LARGEST = 64 << 20  # bytes; an index has some 100 for each tensor
TRUE = ("1", "ON", "YES", "TRUE")  # as huggingface_hub reads its variables
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Hub:
    """Where the Hub answers. endpoint: without a slash at its end."""

    endpoint: str

    @classmethod
    def from_environment(cls) -> "Hub":
        """$HF_ENDPOINT, else the Hub itself. Raises ConfigError if that is no address, CloudError if it is not wanted.

        huggingface_hub reads these variables too, but only once, when it is imported.
        """
        hub = cls((os.environ.get("HF_ENDPOINT") or HUB).rstrip("/"))
        if not hub.is_address():
            raise ConfigError(
                f"HF_ENDPOINT: {hub.endpoint!r} is no address of a Hub", hint=f"unset it; without it: {HUB}"
            )
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            if os.environ.get(name, "").upper() in TRUE:
                raise CloudError(f"{hub.site}: {name} says to stay offline", hint=f"unset {name}")
        return hub

    def is_address(self) -> bool:
        """Whether it is one that HTTP can reach."""
        try:
            parts = urlsplit(self.endpoint)
        except ValueError:  # a bracket that nobody closed
            return False
        return parts.scheme in ("http", "https") and bool(parts.hostname)

    @property
    def site(self) -> str:
        """Its host, as errors name it."""
        return urlsplit(self.endpoint).netloc.rpartition("@")[2]

    def token(self) -> str | Literal[False]:
        """The token that huggingface_hub finds, if there is one, and if nobody can read it on its way."""
        from huggingface_hub import constants, get_token

        parts = urlsplit(self.endpoint)
        alone = parts.scheme == "https" or parts.hostname in LOOPBACK
        if not alone or constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
            return False
        return hub_token().value or get_token() or False


@dataclass(frozen=True)
class Listing:
    """One commit of a repository. sizes: path -> bytes, 0 where the Hub does not say; parameters: likewise."""

    hub_id: str
    revision: str
    sizes: Mapping[str, int]
    parameters: int
    licence: str

    @classmethod
    def from_info(cls, info: "ModelInfo") -> "Listing":
        """From the Hub's answer. Raises ValueError or TypeError if that is no description of a repository."""
        if not re.fullmatch("[0-9a-f]{40}", info.sha or "") or not re.fullmatch(HUB_ID, info.id, re.ASCII):
            raise ValueError("neither a commit nor a repository")
        sizes = {str(file.rfilename): whole(file.size) for file in info.siblings or ()}
        parameters = whole(info.safetensors.total) if info.safetensors else 0
        return cls(info.id, str(info.sha), sizes, parameters, licence_of(info))


def read_model(hub_id: str) -> Model:
    """The row of any model of the Hub. hub_id: `org/name`.

    Raises ModelError for what daybox does not serve or cannot size, and for what is missing or gated; CloudError if the
    Hub does not answer as it should; UsageError if that is no name; ConfigError for HF_ENDPOINT and HF_TOKEN.
    """
    if not re.fullmatch(HUB_ID, hub_id, re.ASCII):
        raise UsageError(f"{hub_id!r} is no name on the Hub", hint="write it as org/name")
    hub = Hub.from_environment()
    quiet()
    listing = describe(hub, hub_id)
    path = f"{hub.site}/{listing.hub_id}"
    refuse_files(path, listing.sizes)
    if CONFIG not in listing.sizes:
        raise ModelError(f"{path}: it has no {CONFIG}, so it is no whole model", hint=ANOTHER)
    files = read_files(hub, listing)
    weights = bytes_of_weights(path, listing.sizes, files.get(INDEX, {}))
    beside = files.get(TOKENIZER, {}), files.get(QUANTIZATION, {})
    card = Card(hub.site, listing.licence, listing.parameters, *beside)
    return model_of(listing.hub_id, listing.revision, files[CONFIG], weights, list(listing.sizes), card)


def quiet() -> None:
    """Before huggingface_hub is imported: it reports to nobody, and prints nothing beside what daybox prints."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import huggingface_hub.utils  # sets its own level when it is imported

    logging.getLogger(huggingface_hub.__name__).setLevel(logging.ERROR)


def describe(hub: Hub, hub_id: str) -> Listing:
    """What the Hub says of the newest commit of `main`."""
    from huggingface_hub import HfApi

    with plain_errors(hub.site, hub_id):
        api = HfApi(endpoint=hub.endpoint, token=hub.token())
        return Listing.from_info(
            api.model_info(hub_id, revision="main", files_metadata=True, timeout=TIMEOUT_S)
        )  # fmt: skip


def read_files(hub: Hub, listing: Listing) -> dict[str, dict[str, Any]]:
    """Those of READ that are there, parsed; fetched side by side."""
    names = [name for name in READ if name in listing.sizes]
    for name in names:
        if listing.sizes[name] > LARGEST:
            raise ModelError(f"{hub.site}/{listing.hub_id}/{name}: it has more than {LARGEST} bytes", hint=ANOTHER)
    with ThreadPoolExecutor(len(READ)) as lanes:
        return dict(zip(names, lanes.map(lambda name: read_file(hub, listing, name), names), strict=True))


def read_file(hub: Hub, listing: Listing, name: str) -> dict[str, Any]:
    """One file as JSON. A commit never changes, so what was read once is kept below the cache."""
    kept = cache_dir() / "hub" / listing.hub_id.replace("/", "--") / listing.revision / name
    with suppress(OSError, UnicodeError):  # nothing was kept, or it is damaged
        if content := parsed(kept.read_text()):
            return content
    text = fetch(hub, listing, name)
    content = parsed(text)
    if content is None:
        raise ModelError(f"{hub.site}/{listing.hub_id}/{name}: it is no object in JSON", hint=ANOTHER)
    with suppress(OSError, UnicodeError):  # a full disk is no reason not to answer
        write_private(kept, text)
    return content


def parsed(text: str) -> dict[str, Any] | None:
    """An object in JSON; None if it is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def fetch(hub: Hub, listing: Listing, name: str) -> str:
    """One file of the commit.

    One plain GET: hf_hub_download would ask a Hub that has stopped answering six times more, 60 s each.
    """
    from huggingface_hub import get_session, hf_hub_url, hf_raise_for_status

    with plain_errors(hub.site, listing.hub_id):
        url = hf_hub_url(listing.hub_id, name, revision=listing.revision, endpoint=hub.endpoint)
        token = hub.token()
        headers = {"User-Agent": "daybox", **({"Authorization": f"Bearer {token}"} if token else {})}
        reply = get_session().get(url, headers=headers, timeout=TIMEOUT_S)
        hf_raise_for_status(reply)
        if "html" in reply.headers.get("Content-Type", ""):
            raise ValueError("a page for people")
        return reply.text


def whole(value: object) -> int:
    """A number of somebody else's, if it is one that can be; else 0."""
    return value if type(value) is int and 0 < value < MOST_BYTES else 0


def licence_of(info: "ModelInfo") -> str:
    """The card's licence; empty where it gives none. `other` has a name of its own."""
    card: Any = info.card_data or {}
    given = (card.get("license_name") if card.get("license") == "other" else None, card.get("license"))
    return next((name for name in given if isinstance(name, str)), "")
