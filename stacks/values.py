"""The texts of a stack's config as values. Each parser raises ValueError(fact, hint) where the text is wrong."""

import difflib
import ipaddress
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from stacks.places import local_url

if TYPE_CHECKING:
    from stacks.catalog import Cloud

T = TypeVar("T")

FIRST_PORT, PORTS = 18_000, 1_000  # away from what developers usually run, below Linux's ephemeral ports
IN_CLEAR = re.compile(r"http://127\.0\.0\.1(:[0-9]+)?/?")  # whole: 127.0.0.1.example.net is somebody's name
IN_CLEAR_NOTICE = re.compile(r"http://(127\.0\.0\.1|198\.51\.100\.1)(:[0-9]+)?/")  # of the local cloud's boxes
MINUTES_PER = {"s": 1 / 60, "m": 1, "h": 60, "": 1}
FEW = 8  # choices that still fit a line
MOST = 10**9  # no count that a stack asks for is larger
LAST_PORT = 65_535
MOST_MINUTES = 31 * 24 * 60  # a box that is rented by the day
# How models begin that clients take for a provider's own. Source: litellm's list of models (aider 0.86.2 brings it).
OTHERS_NAMES = (
    *("gpt", "chat", "code-", "codechat", "codex", "dall", "davinci", "o1", "o3", "o4", "omni", "openai", "text"),
    *("amazon", "anthropic", "claude", "cohere", "command", "deep", "doubao", "embed", "fireworks", "gemini", "glm"),
    *("google", "grok", "jamba", "kimi", "luminous", "meta", "minimax", "mistral", "moonshot", "nvidia", "qwen"),
    *("rerank", "stability", "together", "tts", "whisper", "writer"),
)
MOST_SHARE = 0.97  # CUDA counts 2 % less than nvidia-smi, and vLLM stops if so much is not free when it starts


class Secret(str):
    """Stands for a value that only Pulumi can read: it is there, and cannot be checked."""


def named(rows: tuple[T, ...], name: str) -> T:
    """The row of that name. Raises ValueError(fact, hint) naming the choices, or of many the nearest."""
    by_name = {row.name: row for row in rows}  # type: ignore[attr-defined]
    if name not in by_name:
        raise ValueError(f"{name!r} is not in the catalog", nearest(name, list(by_name)))
    return by_name[name]


def nearest(name: str, names: Sequence[str]) -> str:
    """Which names may have been meant, as the way out of an error."""
    alike = names if len(names) <= FEW else difflib.get_close_matches(name, names, n=3, cutoff=0)
    return f"choose from: {', '.join(alike)}"


def required(text: str) -> str:
    """The text, which must not be empty."""
    if not text:
        raise ValueError("is empty")
    return text


def positive(text: str) -> float:
    """A number above zero."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} is not above zero")
    return number


def positive_whole(text: str) -> int:
    """A whole number above zero."""
    number = positive(text)
    if number > MOST or number != int(number):
        raise ValueError(
            f"{text!r} is not a whole number up to {MOST}" if number > MOST else f"{text!r} is not a whole number"
        )
    return int(number)


def minutes(text: str) -> float:
    """Minutes from `30`, `90s`, `30m` or `8h`."""
    match = re.fullmatch(r"([0-9.]+)\s*([smh]?)", text)
    if not match:
        raise ValueError(f"{text!r} is not a duration", "write minutes, or 90s, 30m, 8h")
    found = positive(match[1]) * MINUTES_PER[match[2]]
    if found > MOST_MINUTES:
        raise ValueError(f"{text!r} is more than 31 days", "rent by the day")
    return found


def served_name(text: str) -> str:
    """A name clients ask for. A slash would name a provider; what begins as another's model is looked up by clients."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", text):
        raise ValueError(f"{text!r} is no name", "write a-z, 0-9, -, _ and dots, at most 63, as coder")
    if text.startswith(OTHERS_NAMES):
        raise ValueError(f"{text!r} begins as the names of another's models do", "write another name, as coder")
    return text


def share(text: str) -> float:
    """A part of a card's memory."""
    part = positive(text)
    if part > MOST_SHARE:
        raise ValueError(
            f"{text!r} is more than vLLM can have of a card", f"write a number up to {MOST_SHARE}, as 0.92"
        )
    return part


def port_number(text: str) -> int:
    """A port."""
    port = positive_whole(text)
    if port > LAST_PORT:
        raise ValueError(f"{text!r} is no port", f"write a number up to {LAST_PORT}")
    return port


def one_of(*words: str) -> Callable[[str], str]:
    """A parser that takes exactly these words."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"{text!r} is unknown", f"choose from: {', '.join(words)}")
        return text

    return parse


def yes_or_no(text: str) -> bool:
    """True or False."""
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


def networks(text: str) -> tuple[str, ...]:
    """CIDRs, at least one; a single address is its own network. The whole world is refused."""
    if not text:
        raise ValueError(
            "is empty, so nobody could reach the box",
            "say from where you work: pulumi config set -s {stack} daybox:sshFrom YOUR.PUBLIC.IP.ADDRESS/32",
        )
    try:
        found = [ipaddress.ip_network(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(str(error), "write CIDRs, separated by commas, as 203.0.113.7/32") from None
    merged = [*of_version(4, found), *of_version(6, found)]  # two halves are the whole, too
    if any(network.prefixlen == 0 for network in merged):
        raise ValueError(f"{text!r} is the whole world", "name the networks you work from")
    return tuple(str(network) for network in found)


def of_version(version: int, networks: Sequence[Any]) -> Iterable[Any]:
    """The networks of one family, neighbours merged."""
    return ipaddress.collapse_addresses(network for network in networks if network.version == version)


def own_port(stack: str) -> int:
    """A port that is always the same for one name, and rarely another stack's."""
    return FIRST_PORT + zlib.crc32(stack.encode()) % PORTS


def notice_url(text: str) -> str:
    """Where the box says that it ends; empty for nowhere. Who knows the address may write there: it is a secret."""
    if text and not (text.startswith("https://") or IN_CLEAR_NOTICE.match(text)):
        raise ValueError("would carry words about your box in clear", "write https://…")
    return text


def api_url(cloud: "Cloud", text: str) -> str:
    """The API's address: the one set, else the cloud's own, else what the local cloud wrote down when it started."""
    if text and not (text.startswith("https://") or IN_CLEAR.fullmatch(text)):
        raise ValueError(f"{text!r} would carry the token in clear", "write https://…, or http://127.0.0.1:PORT")
    if text or cloud.api_url:
        return (text or cloud.api_url).rstrip("/")
    if url := local_url():
        return url
    raise ValueError("the local cloud is not running", "start it: source scripts/env local")
