"""One stack as a doctor asks it from this laptop: real files, a real lock and port, an account that is given."""

import os
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import doctor_stack
from playbooks.box_standing import Listing
from playbooks.doctor_check import Finding, all_answered
from playbooks.doctor_stack import QUESTIONS, Stack, judged_clock
from playbooks.endpoint import Endpoint, GatewayStatus, Served
from playbooks.gateway_process import orders_for
from playbooks.keys import KEYS_FILE
from playbooks.port import hold_port
from playbooks.tunnel_files import WORD_FILE, box_key_file, take_lock, tunnel_dir
from stacks.box import Box, box_target
from stacks.errors import BoxError, ConfigError, ModelError
from stacks.keys import make_key
from stacks.places import stack_dir, write_private
from tests.playbooks.fake_box import free_port
from tests.playbooks.pretend_box import BOX
from tests.playbooks.stranger import says, stranger

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
UP = GatewayStatus("local", BOX.lease, BOX.instance_id, up=True, since="12:00", word="", ended=False)


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))


@pytest.fixture
def box() -> Box:
    """With a port that nobody has."""
    return replace(BOX, port=free_port())


def stack(box: Box | None, **known: Any) -> Stack:
    """A stack of which this much is known already."""
    found = Stack("local")
    settings = SimpleNamespace(port=box.port if box else BOX.port, login_key=stack_dir("local") / "login_ed25519")
    found.__dict__.update({"name": "local", "box": box, "settings": settings} | known)
    return found


def said(found: Finding) -> tuple[str, str]:
    return found.state, found.fact


@pytest.mark.parametrize(
    ("ahead", "state", "fact"),
    [
        (0.2, "ok", "mine agrees with yours, to 1 s"),
        (-59.0, "ok", "mine agrees with yours, to 59 s"),
        (61.0, "wrong", "mine is 61 s ahead of yours"),
        (-3600.0, "wrong", "mine is 3600 s behind yours"),
    ],
)
def test_clocks_agree_to_a_minute(ahead: float, state: str, fact: str) -> None:
    assert said(judged_clock(ahead, "mine", "yours")) == (state, fact)


def test_this_laptops_clock_is_compared_with_the_accounts(box: Box) -> None:
    late = Listing(None, now=datetime.now(UTC) + timedelta(minutes=5))
    assert doctor_stack.clock(stack(box, account=late)).state == "wrong"
    silent = Listing(None, why="cloud: does not answer")
    found = doctor_stack.clock(stack(box, account=silent))
    assert said(found) == ("unknown", "the account did not tell its time: cloud: does not answer")


class Account:
    """What the account says of the box by id."""

    api_url = "http://127.0.0.1:9"

    def __init__(self, *, deleted: bool) -> None:
        self.deleted = deleted

    def instance(self, _: int) -> None:
        return None

    def deleted_at(self, _: int) -> datetime | None:
        return NOW if self.deleted else None


@pytest.mark.parametrize(
    ("listed", "deleted", "state", "kind"),
    [(True, False, "ok", None), (False, True, "wrong", BoxError), (False, False, "wrong", None)],
    ids=["listed", "deleted", "of another account"],
)
def test_a_box_that_the_account_does_not_list_is_wrong(
    box: Box, listed: bool, deleted: bool, state: str, kind: type[BoxError] | None
) -> None:
    account: Any = Account(deleted=deleted)
    rows: Any = [SimpleNamespace(id=box.instance_id)] if listed else []
    found = doctor_stack.account(stack(box, account=Listing(account, rows)))
    assert (found.state, found.kind) == (state, kind)


def test_an_account_that_does_not_answer_proves_nothing(box: Box) -> None:
    assert doctor_stack.account(stack(box, account=Listing(None, why="timed out"))).state == "unknown"


def test_a_stack_without_a_box_says_what_rents_one() -> None:
    found = doctor_stack.box(stack(None))
    assert (found.state, found.cure) == ("not-applicable", "rent one: pulumi up -s local")


def test_a_stack_that_pulumi_does_not_know_makes_the_rest_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pulumi(*_: object) -> None:
        raise ConfigError("pulumi: is not on PATH", hint="source scripts/env")

    monkeypatch.setattr(doctor_stack, "meant_stack", no_pulumi)
    checks = all_answered(QUESTIONS, Stack(None))
    assert [check.name for check in checks if check.state == "wrong"] == ["stack/made"]
    assert {check.state for check in checks[1:]} == {"unknown"}


@pytest.mark.parametrize(("locked", "state"), [(False, "ok"), (True, "wrong")])
def test_a_login_key_must_open_by_itself(box: Box, locked: bool, state: str) -> None:
    private = stack_dir("local") / "login_ed25519"
    make_key(private, "x")
    if locked:
        os.truncate(private, 10)
    assert doctor_stack.login_key(stack(replace(box, login_key=str(private)))).state == state


def test_a_port_that_nobody_holds_waits_for_a_tunnel(box: Box) -> None:
    assert said(doctor_stack.gateway(stack(box))) == ("not-applicable", f"no gateway runs; port {box.port} is free")


def test_a_port_that_another_program_holds_is_wrong_and_says_how_to_find_it(box: Box) -> None:
    listeners = hold_port(box.port)
    found = doctor_stack.gateway(stack(box))
    for listener in listeners:
        listener.close()
    assert found.state == "wrong" and f"{box.port} on this laptop is taken by another program" in found.fact
    assert "ss -ltnp" in found.cure


@pytest.fixture
def gateway(box: Box, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A gateway that lives as far as its lock says; what it answers is given."""
    orders_for(box, box_target(box)).write()
    assert take_lock(tunnel_dir("local"))
    answers = SimpleNamespace(status=UP, served=[Served("daybox-x", 4096)])

    def served(_: Endpoint) -> list[Served]:
        if isinstance(answers.served, Exception):
            raise answers.served
        return list(answers.served)

    monkeypatch.setattr(doctor_stack, "proved_status", lambda _: answers.status)
    monkeypatch.setattr(Endpoint, "served", served)
    return answers


def test_an_open_tunnel_to_the_stacks_own_box_is_right(box: Box, gateway: Any) -> None:
    assert said(doctor_stack.gateway(stack(box))) == ("ok", f"ours, process {os.getpid()}, holds 127.0.0.1:{box.port}")
    assert doctor_stack.tunnel(stack(box)).state == "ok"
    assert said(doctor_stack.client_keys(stack(box)))[0] == "ok"


def test_a_gateway_that_hangs_is_wrong(box: Box, gateway: Any) -> None:
    gateway.status = None
    assert doctor_stack.gateway(stack(box)).state == "wrong"
    assert doctor_stack.tunnel(stack(box)).state == "unknown"


def test_who_cannot_prove_to_be_the_gateway_is_not_believed(box: Box) -> None:
    """A program of another user of this laptop, say: it knows what a gateway says, and not the stack's secret."""
    orders_for(box, box_target(box)).write()
    assert take_lock(tunnel_dir("local"))
    with stranger(box.port, lambda _: says(asdict(UP))) as other:
        found = doctor_stack.gateway(stack(box))
        states = [ask(stack(box)).state for ask in (doctor_stack.tunnel, doctor_stack.client_keys)]
    assert found.state == "wrong" and "what answers there says so and cannot prove it" in found.fact
    assert states == ["unknown", "not-applicable"]
    assert b"Bearer" not in other.all_sent


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"instance_id": 99}, f"it leads to box {BOX.instance_id}, the stack's is 99"),
        ({"host_key": "ssh-ed25519 BBBB"}, "it was opened with another port or host key than the box has"),
    ],
)
def test_a_tunnel_to_another_box_than_the_stacks_is_wrong(
    box: Box, gateway: Any, change: dict[str, Any], fact: str
) -> None:
    assert said(doctor_stack.tunnel(stack(replace(box, **change)))) == ("wrong", fact)


@pytest.mark.parametrize(
    ("ended", "cure"), [(False, "it tries again by itself"), (True, "fab tunnel.close, then fab tunnel")]
)
def test_a_tunnel_that_is_down_says_whether_it_comes_back(box: Box, gateway: Any, ended: bool, cure: str) -> None:
    gateway.status = replace(UP, up=False, word="the cloud has deleted the box", ended=ended)
    found = doctor_stack.tunnel(stack(box))
    assert (*said(found), found.cure) == ("wrong", "down: the cloud has deleted the box", cure)


def test_why_the_last_tunnel_ended_is_told_while_there_is_a_box(box: Box) -> None:
    write_private(tunnel_dir("local") / WORD_FILE, "the host key changed\n")
    assert said(doctor_stack.tunnel(stack(box))) == ("wrong", "it ended: the host key changed")
    assert doctor_stack.tunnel(stack(None)).state == "not-applicable"


@pytest.mark.parametrize("kind", [ModelError, BoxError])
def test_with_the_tunnel_up_no_answer_is_the_models_fault(
    box: Box, gateway: Any, kind: type[ModelError] | type[BoxError]
) -> None:
    gateway.served = kind("daybox/box: the tunnel is up, but vLLM does not answer", hint="see `fab status`")
    found = doctor_stack.client_keys(stack(box))
    assert (found.state, found.kind) == ("wrong", ModelError)


@pytest.mark.parametrize("text", ["{half", "[1", "\x00"])
def test_a_damaged_list_of_keys_is_named(box: Box, text: str) -> None:
    write_private(tunnel_dir("local") / KEYS_FILE, text)
    assert doctor_stack.client_keys(stack(box)).fact.endswith("keys.json: is no list of keys")


def test_the_boxs_key_is_missed_only_where_a_gateway_needs_it(box: Box, gateway: Any) -> None:
    assert doctor_stack.box_key(stack(box)).state == "wrong"
    write_private(box_key_file("local"), "k\n")
    assert doctor_stack.box_key(stack(box)).state == "ok"


def test_without_a_tunnel_no_key_is_missed(box: Box) -> None:
    assert doctor_stack.box_key(stack(box)).state == "not-applicable"


@pytest.mark.parametrize(("key", "state"), [("ssh-ed25519 AAAA", "ok"), ("", "wrong")])
def test_a_box_that_was_never_armed_has_no_pin(box: Box, key: str, state: str) -> None:
    assert doctor_stack.host_key(stack(replace(box, host_key=key))).state == state
