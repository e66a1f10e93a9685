"""The laptop's end of the tunnel as a client sees it: is it up, what is served, does a completion come back.

Who answers at the port proves first that it is the box's own gateway; only then, and over that same connection, is it
shown a key or asked anything.
"""

import http.client
import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from playbooks.gateway_checks import STATUS_PATH
from playbooks.keys import client_key
from playbooks.one_request import NO_ANSWER, asked
from playbooks.witness import Claim, Witness, new_nonce, witness_of
from stacks.box import Box
from stacks.errors import BoxError, ModelError
from stacks.printable import clean

LOOPBACK = "127.0.0.1"  # spoken to directly: no proxy variable has a say
QUICK_SECONDS = 5.0
COMPLETION_SECONDS = 120.0  # the first one after a start may have to compile
NO_TUNNEL_HINT = "open it: fab tunnel"


@dataclass(frozen=True)
class GatewayStatus:
    """What the gateway says of its tunnel. since: UTC, `YYYY-MM-DDTHH:MM:SSZ`; ended: it will not come back."""

    stack: str
    lease: str
    instance_id: int
    up: bool
    since: str
    word: str
    ended: bool


@dataclass(frozen=True)
class Served:
    """A model that the box serves. window_tokens: its `max_model_len`, for prompt and answer together."""

    name: str
    window_tokens: int


@dataclass(frozen=True)
class Endpoint:
    """One gateway and the key to show it. witness: what it must prove before it is trusted with anything."""

    port: int
    key: str = field(default="", repr=False)
    witness: Witness | None = None

    @property
    def base(self) -> str:
        """Where OpenAI's clients are pointed; Anthropic's take it without `/v1`."""
        return f"http://{LOOPBACK}:{self.port}/v1"

    def ask(self, path: str, body: object = None, *, seconds: float = QUICK_SECONDS) -> tuple[int, Any]:
        """HTTP status and JSON of one request: POST if there is a body.

        Raises OSError if nobody answers, BoxError if who answers is not the gateway that was meant: that one sees
        neither key nor body.
        """
        connection = self.proved()
        try:
            return asked(connection, path, body, self.key, seconds=seconds)
        except NO_ANSWER as error:
            raise OSError(f"no answer in JSON ({type(error).__name__})") from error
        finally:
            connection.close()

    def proved(self) -> http.client.HTTPConnection:
        """A connection at whose other end is the gateway that was meant. Raises OSError, BoxError as `ask` does."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=QUICK_SECONDS)
        try:
            connection.connect()
            connection.auto_open = 0  # who proved itself is at the other end of this connection, and of no later one
            if self.witness:
                prove(connection, self.witness)
            if connection.sock is None:
                raise OSError("it hung up")
        except BaseException:
            connection.close()
            raise
        return connection

    def status(self) -> GatewayStatus | None:
        """What the gateway says of its tunnel; None if no gateway answers at this port, or not the one meant."""
        try:
            code, answer = self.ask(STATUS_PATH)
            return status_in(answer) if code == 200 else None
        except (OSError, BoxError):
            return None

    def served(self) -> list[Served]:
        """What the box behind the tunnel serves, as it says itself. Raises BoxError if it does not answer."""
        answer = self._answer("/v1/models", None, QUICK_SECONDS)
        return [Served(row["id"], int(row.get("max_model_len") or 0)) for row in answer["data"]]

    def window(self, name: str) -> int:
        """The window of the model served as `name`, in tokens. Raises ModelError if it is not among the served."""
        windows = {served.name: served.window_tokens for served in self.served()}
        if name not in windows:
            raise ModelError(
                f"box/vllm: serves {', '.join(windows) or 'nothing'}, not {name}", hint="converge it: fab bootstrap"
            )
        return windows[name]

    def complete(self, name: str) -> float:
        """Seconds that one real completion took. Raises BoxError or ModelError if none came back."""
        started = time.monotonic()
        question = {"model": name, "max_tokens": 1, "messages": [{"role": "user", "content": "Say ok."}]}
        answer = self._answer("/v1/chat/completions", question, COMPLETION_SECONDS)
        if not answer.get("choices"):
            raise ModelError("box/vllm: answered a completion without a choice", hint="see `fab logs --of vllm`")
        return time.monotonic() - started

    def usage(self) -> Mapping[str, int]:
        """What this key's client used so far, as playbooks.usage.Used has it: `requests`, `failed`, `down`, …"""
        answer: dict[str, int] = self._answer("/daybox/usage", None, QUICK_SECONDS)
        return answer

    def _answer(self, path: str, body: object, seconds: float) -> dict[str, Any]:
        try:
            code, answer = self.ask(path, body, seconds=seconds)
        except OSError as error:
            raise silent(self.port, error) from None
        if code == 200:
            return dict(answer)
        raise refused(path, code, answer)


def trusted(box: Box, client: str) -> Endpoint:
    """The gateway of this very box for one client, as "aider"; whatever it is asked, it proves itself first."""
    return Endpoint(box.port, client_key(box.stack, client), witness_of(box))


def status_in(answer: object) -> GatewayStatus | None:
    """The gateway's status in its answer; None if it is none."""
    names = {field.name for field in fields(GatewayStatus)}
    if not isinstance(answer, dict) or not names <= set(answer):
        return None
    return GatewayStatus(**{name: answer[name] for name in names})


def prove(connection: http.client.HTTPConnection, witness: Witness) -> None:
    """Have who is at the other end prove whose gateway it is. Raises BoxError if it cannot, OSError if it is silent."""
    nonce = new_nonce()
    try:
        code, answer = asked(connection, f"{STATUS_PATH}?nonce={nonce}", seconds=QUICK_SECONDS)
    except NO_ANSWER:
        code, answer = 0, None  # whatever that is, it is no gateway
    if code != 200 or not isinstance(answer, dict) or not witness.accepts(nonce, answer.get("proof")):
        raise not_proved(witness.claim, answer)


def not_proved(claim: Claim, answer: object) -> BoxError:
    """What it means that who answers proved nothing, by its own words."""
    said = status_in(answer)
    wanted = f"daybox/tunnel: port {claim.port} is to be the gateway of {claim.stack}'s box {claim.instance_id}"
    if said is None:
        find = f"find it with `ss -ltnp 'sport = :{claim.port}'` and end it, or set daybox:port to another"
        return BoxError(f"{wanted}, and another program answers there; it was sent nothing", hint=find)
    if (said.stack, said.lease, said.instance_id) == (claim.stack, claim.lease, claim.instance_id):
        fact = f"{wanted}; what answers there says so and cannot prove it: it may be of an older checkout"
    else:
        theirs = clean(said.stack)
        fact = f"{wanted}; what answers there says it is that of {theirs}'s box {clean(str(said.instance_id))}"
        if theirs != claim.stack:
            another = "or set daybox:port to another and `pulumi up`"
            return BoxError(fact, hint=f"if it is: fab tunnel.close --stack {shlex.quote(theirs)}, {another}")
    return BoxError(fact, hint=f"open it anew: fab tunnel.close --stack {claim.stack}, then fab tunnel")


def silent(port: int, error: OSError) -> BoxError:
    """What it means that nobody answers there."""
    return BoxError(f"daybox/tunnel: port {port} does not answer: {error}", hint=NO_TUNNEL_HINT)


def refused(path: str, code: int, answer: Any) -> BoxError | ModelError:
    """What an answer other than 200 means, as an error: the gateway's own refusals say it themselves."""
    error = answer.get("error") if isinstance(answer, dict) else None
    said = error.get("message") if isinstance(error, dict) else error
    if code == 503 and said:
        fact, _, hint = str(said).rpartition("; ")
        return BoxError(fact or hint, hint=hint if fact else NO_TUNNEL_HINT)
    return ModelError(f"box/vllm: {path} answered {code}: {said or answer}", hint="see `fab logs --of vllm`")
