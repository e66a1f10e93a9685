"""No key and no prompt goes to a program that has not proved that it is this very box's gateway."""

import ast
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from playbooks import client_env, endpoint
from playbooks.clients import start
from playbooks.clients.aider import AIDER
from playbooks.clients.start import start_client
from playbooks.endpoint import Endpoint, trusted
from playbooks.gateway_process import gateway_of
from playbooks.keys import client_key
from playbooks.tunnel_files import Orders, tunnel_dir
from playbooks.witness import Claim, Witness, new_nonce, own_secret, witness_in, witness_of
from stacks.box import Box
from stacks.errors import BoxError
from tests.playbooks.fake_box import SERVED, GatewayWorld, free_port, gateway_world
from tests.playbooks.pretend_box import BOX
from tests.playbooks.stranger import says, stranger

PROMPT = "the planted prompt"
PLAYBOOKS = Path(endpoint.__file__).parent
STATUS = {"up": True, "since": "", "word": "open", "ended": False}


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(endpoint, "QUICK_SECONDS", 2.0)


def a_box(port: int, stack: str = "s") -> Box:
    return replace(BOX, stack=stack, port=port, served_name=SERVED)


@pytest.fixture
def world() -> Iterator[GatewayWorld]:
    """The gateway of stack `s`."""
    with gateway_world(tunnel_dir("s"), witness=lambda port: witness_of(a_box(port))) as running:
        yield running


def claims(box: Box, **more: object) -> dict[str, object]:
    """What anybody can say: the status of the box's gateway."""
    return {"stack": box.stack, "lease": box.lease, "instance_id": box.instance_id, **STATUS, **more}


def asked_about(request: bytes) -> str:
    """The nonce in a request."""
    found = re.search(rb"nonce=([0-9a-f]+)", request)
    return found[1].decode() if found else ""


def relayed(world: GatewayWorld, *, close: bool = False) -> Callable[[bytes], bytes]:
    """Answers with what the real gateway answers to the same nonce."""

    def answer(request: bytes) -> bytes:
        url = f"{world.url}/daybox?nonce={asked_about(request)}"
        return says(ast.literal_eval(text(url)), close=close)

    return answer


def text(url: str) -> str:
    """What a real gateway answers, as Python would write it."""
    reply = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url).read().decode()
    return str(reply.replace("true", "True").replace("false", "False"))


def secrets_of(stack: str) -> list[bytes]:
    """What a stranger must not get."""
    keys = [client_key(stack, name) for name in ("aider", "env", "daybox")]
    return [secret.encode() for secret in (*keys, own_secret(stack), PROMPT)]


def test_the_gateway_of_the_box_is_trusted(world: GatewayWorld) -> None:
    (tunnel_dir("s") / "keys.json").unlink()
    assert trusted(a_box(world.port), "aider").window(SERVED) > 0


def test_a_gateway_proves_itself_before_each_request_over_the_same_connection(world: GatewayWorld) -> None:
    made = trusted(a_box(world.port), "aider")
    assert made.complete(SERVED) < 5
    assert [one["path"] for one in world.box.asked] == ["/v1/chat/completions"]


PROGRAMS: dict[str, Callable[[bytes], bytes]] = {
    "a web server": lambda _: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "a page for everything": lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<p/>",
    "no HTTP": lambda _: b"SSH-2.0-OpenSSH_9.2\r\n",
    "any JSON": lambda _: says({"object": "list", "data": [{"id": SERVED, "max_model_len": 4096}]}),
    "a list": lambda _: says([]),
    "who claims the name": lambda _: says(claims(a_box(1))),
    "who makes up a proof": lambda _: says(claims(a_box(1), proof="0" * 64)),
    "who proves with a number": lambda _: says(claims(a_box(1), proof=1)),
    "who proves with what is no text": lambda _: says(claims(a_box(1), proof="\ud800")),
    "a deep hole": lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + b"[" * 90000,
    "who answers with the question": lambda request: says(claims(a_box(1), proof=asked_about(request))),
}


@pytest.mark.parametrize("answer", PROGRAMS.values(), ids=PROGRAMS)
def test_another_program_at_the_port_gets_neither_key_nor_prompt(answer: Callable[[bytes], bytes]) -> None:
    with stranger(free_port(), answer) as other:
        made = trusted(a_box(other.port), "aider")
        body = {"model": SERVED, "messages": [{"role": "user", "content": PROMPT}]}
        with pytest.raises(BoxError, match=f"port {other.port} is to be the gateway of s's box 12345678"):
            made.ask("/v1/chat/completions", body)
        assert made.status() is None
    assert other.sent and not [secret for secret in secrets_of("s") if secret in other.all_sent]
    assert {bytes(piece).split(b"?")[0] for piece in other.sent} == {b"GET /daybox"}


def test_a_program_that_only_listens_gets_nothing_and_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "QUICK_SECONDS", 0.2)
    with stranger(free_port(), lambda _: b"") as other, pytest.raises(BoxError, match="does not answer: timed out"):
        trusted(a_box(other.port), "aider").served()
    assert not [secret for secret in secrets_of("s") if secret in other.all_sent]


@pytest.mark.parametrize(
    "head", ["HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "HTTP/1.1 200 OK\r\nX-A: "]
)
def test_a_program_that_talks_for_ever_is_given_up_too(monkeypatch: pytest.MonkeyPatch, head: str) -> None:
    monkeypatch.setattr(endpoint, "QUICK_SECONDS", 0.2)
    began = time.monotonic()
    with stranger(free_port(), lambda _: head.encode(), endless=b"a") as other, pytest.raises(BoxError):
        trusted(a_box(other.port), "aider").served()
    assert time.monotonic() - began < 5
    assert not [secret for secret in secrets_of("s") if secret in other.all_sent]


def test_a_proof_that_was_heard_before_proves_nothing(world: GatewayWorld) -> None:
    heard = witness_of(a_box(world.port)).proof(new_nonce())
    with stranger(free_port(), lambda _: says(claims(a_box(1), proof=heard))) as other, pytest.raises(BoxError):
        trusted(a_box(other.port), "aider").served()


def test_who_passes_the_question_on_to_the_real_gateway_proves_nothing(world: GatewayWorld) -> None:
    """The port is a part of what is proved."""
    with stranger(free_port(), relayed(world)) as other, pytest.raises(BoxError):
        trusted(a_box(other.port), "aider").served()
    assert not [secret for secret in secrets_of("s") if secret in other.all_sent]


def test_who_hangs_up_after_the_proof_is_not_called_again() -> None:
    """Else whoever takes the port in that moment would be sent the key."""
    port = free_port()
    witness = witness_of(a_box(port))

    def proves_and_hangs_up(request: bytes) -> bytes:
        return says(claims(a_box(port), proof=witness.proof(asked_about(request))), close=True)

    with stranger(port, proves_and_hangs_up) as other, pytest.raises(BoxError, match="does not answer"):
        trusted(a_box(port), "aider").served()
    assert len(other.sent) == 1 and client_key("s", "aider").encode() not in other.all_sent


@pytest.mark.parametrize("other", ["stack", "lease", "instance_id", "alias", "ssh_config", "host_key"])
def test_the_gateway_of_another_box_is_refused(other: str) -> None:
    """Also one of our own, whose orders were changed by hand: it signs what it keeps, with its own stack's secret."""
    port = free_port()
    orders = Orders(**{**asdict(witness_of(a_box(port)).claim), "box_port": 8000, "api_url": ""})
    wrong = Orders(**{**asdict(orders), other: 7 if other == "instance_id" else "t"})
    with stranger(port, lambda request: says(claims(a_box(port), proof=witness_in(wrong).proof(asked_about(request))))):
        assert gateway_of(wrong).status() is not None
        with pytest.raises(BoxError):
            trusted(a_box(port), "aider").served()


def test_two_gateways_that_changed_places_are_both_refused() -> None:
    first, second = free_port(), free_port()
    with (
        gateway_world(tunnel_dir("s"), witness=lambda port: witness_of(a_box(port, "s"))) as one,
        gateway_world(tunnel_dir("t"), witness=lambda port: witness_of(a_box(port, "t"))) as two,
    ):
        assert first != second
        for stack, port in (("s", two.port), ("t", one.port)):
            with pytest.raises(BoxError, match="says it is that of"):
                trusted(replace(a_box(port, stack), lease="another"), "aider").served()
        assert not one.box.asked and not two.box.asked


def test_a_gateway_of_an_older_checkout_says_how_to_open_it_anew() -> None:
    with stranger(free_port(), lambda _: says(claims(a_box(1)))) as other, pytest.raises(BoxError) as caught:
        trusted(a_box(other.port), "aider").served()
    assert caught.value.line() == (
        f"daybox/tunnel: port {other.port} is to be the gateway of s's box 12345678; what answers there says so and"
        " cannot prove it: it may be of an older checkout; open it anew: fab tunnel.close --stack s, then fab tunnel"
    )


def test_who_says_it_is_another_stacks_is_the_one_to_close_and_its_words_are_text() -> None:
    other_box = claims(a_box(1, "t\x1b[31m;x"))
    with stranger(free_port(), lambda _: says(other_box)) as other, pytest.raises(BoxError) as caught:
        trusted(a_box(other.port), "aider").served()
    assert caught.value.fact.endswith("; what answers there says it is that of t [31m;x's box 12345678")
    assert caught.value.hint.startswith("if it is: fab tunnel.close --stack 't [31m;x', or set daybox:port to another")


@pytest.mark.parametrize("command", ["launch-aider", "env"])
def test_no_command_sends_a_stranger_anything(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(start, "needed_program", lambda _: "/bin/false")
    monkeypatch.setattr(start, "version_of", lambda *_: AIDER.oldest)
    with stranger(free_port(), PROGRAMS["who makes up a proof"]) as other:
        monkeypatch.setattr(client_env, "find_box", lambda _stack: a_box(other.port))
        with pytest.raises((BoxError, Exit), match="is to be the gateway of s's box"):
            start_client(a_box(other.port), AIDER, []) if command == "launch-aider" else client_env.env(Context())
    assert other.sent and not [secret for secret in secrets_of("s") if secret in other.all_sent]


def test_a_gateway_signs_numbers_and_nothing_else() -> None:
    witness = witness_of(a_box(1))
    assert [witness.proof(word) for word in ("", "x" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n")] == [""] * 5
    assert re.fullmatch("[0-9a-f]{64}", witness.proof("0" * 32))


def test_nothing_proves_where_there_is_no_nonce() -> None:
    witness = witness_of(a_box(1))
    assert not witness.accepts(new_nonce(), "") and not witness.accepts(new_nonce(), None)


def test_the_secret_is_the_stacks_own_and_only_you_can_read_it() -> None:
    assert own_secret("s") == own_secret("s") != own_secret("t")
    assert (tunnel_dir("s") / "witness").stat().st_mode & 0o777 == 0o600
    assert own_secret("s") not in repr(Witness(witness_of(a_box(1)).claim, own_secret("s")))


def test_what_is_proved_is_told_by_box_and_orders_alike() -> None:
    assert set(Claim.__dataclass_fields__) <= set(Orders.__dataclass_fields__)


@pytest.mark.parametrize("file", sorted(PLAYBOOKS.rglob("*.py")), ids=lambda path: path.name)
def test_no_endpoint_has_a_key_and_no_witness(file: Path) -> None:
    """Who shows a key says first who must prove what."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == Endpoint.__name__:
            names = {keyword.arg for keyword in call.keywords}
            has_key = len(call.args) > 1 or "key" in names
            assert not has_key or len(call.args) > 2 or "witness" in names, f"line {call.lineno}: use `trusted`"
