"""bootstrap offers the doctor: where vLLM is why it failed, and somebody sits at the terminal."""

from typing import Any

import pytest

from playbooks import bootstrap
from playbooks.stage_errors import CausedError
from stacks.errors import BoxError
from tests.playbooks.pretend_box import BOX

CAUSED = CausedError("box/vllm: kv-too-small: …", hint="set the context to 1920; or `fab doctor --fix`")


@pytest.fixture
def cured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the doctor was asked for."""
    asked: list[Any] = []
    monkeypatch.setattr("playbooks.doctor.examine_and_fix", lambda stack, **how: asked.append((stack, how)))
    return asked


def fails(monkeypatch: pytest.MonkeyPatch, error: Exception, *, terminal: bool, answer: bool = False) -> None:
    def not_ready(_box: object, *, consent: object) -> None:
        raise error

    monkeypatch.setattr(bootstrap, "make_ready", not_ready)
    monkeypatch.setattr(bootstrap, "on_terminal", lambda: terminal)
    monkeypatch.setattr(bootstrap, "agrees", lambda _: answer)


def test_whoever_says_yes_gets_the_doctor_who_asks_before_each_cure(
    cured: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails(monkeypatch, CAUSED, terminal=True, answer=True)
    bootstrap.ready_or_cured(BOX, consent=None)
    assert cured == [("local", {"fix": True, "consent": False, "json": False})]
    assert capsys.readouterr().err.strip() == CAUSED.line()


@pytest.mark.parametrize(
    ("error", "terminal"),
    [(CAUSED, True), (CAUSED, False), (BoxError("box/image: no space", hint="x"), True)],
    ids=["who says no", "without a terminal", "what is not vLLM's fault"],
)
def test_gets_the_error(cured: list[Any], monkeypatch: pytest.MonkeyPatch, error: Exception, terminal: bool) -> None:
    fails(monkeypatch, error, terminal=terminal)
    with pytest.raises(type(error)):
        bootstrap.ready_or_cured(BOX, consent=None)
    assert cured == []
