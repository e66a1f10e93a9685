"""new_weights: what is asked of the box's systemd, and what its answers mean."""

import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import new_weights
from playbooks.new_weights import (
    UNIT,
    Coming,
    bring_weights,
    files,
    followed,
    goes_on,
    parse_state,
    reason,
    start_command,
    word_of,
)
from stacks.bundle import File, bundle_for
from stacks.errors import BoxError, ModelError
from stacks.settings import Settings
from stacks.ssh import REACH_HINT
from tests.golden_text import golden
from tests.shipped import settings_of

TARGET: Any = SimpleNamespace(alias="daybox-1")
SILENT = BoxError("box/daybox-1: not reached", hint=REACH_HINT)
REFUSED = "x/y is gated, private or not there (HTTP 401)"
GATED = f"{REFUSED}; with a token that may read it in HF_TOKEN, `fab bootstrap` tries again"
FULL = "the disk of /var/lib/daybox/models has 1.0 GiB free, the model needs 31.2 GiB"
KEEPING: Any = SimpleNamespace(on=lambda: None)
# Of the unit alone: when it runs, and what it finds as its facts.
OWN = ("Description", "Requires", "After", "Wants", "RemainAfterExit", "ExecStart", "BindReadOnlyPaths")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_of("coder-30b", tmp_path)


def test_the_unit_is_the_one_that_was_reviewed(settings: Settings) -> None:
    text = files(settings)[1].content
    assert text == golden(f"units/{UNIT}", text)


def directives(text: str) -> set[str]:
    """The lines of a unit, but those that are its own."""
    lines = {line for line in text.splitlines() if re.match(r"\w+=", line)}
    return {line for line in lines if line.partition("=")[0] not in OWN}


def test_the_unit_may_do_what_the_stage_of_the_weights_may_and_no_more(settings: Settings) -> None:
    stage = next(file for file in bundle_for(settings).files if file.path.endswith("daybox-weights.service"))
    own = directives(files(settings)[1].content)
    assert own <= directives(stage.content)
    assert directives(stage.content) - own == {
        "ExecStartPre=+/usr/bin/mkdir -p /var/lib/daybox",
        "ConfigurationDirectory=daybox",
        "ConfigurationDirectoryMode=0700",
    }


def test_the_unit_finds_the_new_models_facts_where_the_programs_look(settings: Settings) -> None:
    facts, unit = files(settings)
    assert '"name": "qwen3-coder-30b"' in facts.content
    assert f"BindReadOnlyPaths={facts.path}:/opt/daybox/facts.json\n" in unit.content
    assert unit.path == f"/run/systemd/system/{UNIT}"


def test_systemds_answer_is_read() -> None:
    assert parse_state("InvocationID=abc\nActiveState=activating\n12G\n") == Coming("activating", "abc", "12G")
    assert parse_state("") == Coming("", "", "")


def test_the_programs_own_last_words_are_the_reason() -> None:
    assert reason(["@word x", "model.safetensors: 5 bytes, checked", GATED]) == GATED
    assert reason([GATED, f"{UNIT}: Failed with result 'exit-code'.", "Failed to start x"]) == GATED
    assert reason([]) == ""


def test_what_it_says_of_the_weights_is_for_people() -> None:
    assert word_of(["@bytes 7", "@word x at 0123, 5 GiB, every digest checked", "@bytes 5"]) == (
        "x at 0123, 5 GiB, every digest checked"
    )
    assert word_of(["@outcome already"]) == ""


class Story:
    """A unit whose states are given, one at each look. said: what it says."""

    def __init__(self, *states: str | BaseException, said: str = "", there: str = "") -> None:
        self.states, self.said, self.there, self.done = list(states), said, there, list[str]()

    def run(self, _target: object, command: str) -> Any:
        if command.startswith("journalctl"):
            return SimpleNamespace(stdout=self.said)
        if command.startswith(f"systemctl show {UNIT} --property=ActiveState --value"):
            return SimpleNamespace(stdout=self.there)
        if command.startswith("systemctl show"):
            state = self.states.pop(0)
            if isinstance(state, BaseException):
                raise state
            return SimpleNamespace(stdout=f"ActiveState={state}\nInvocationID=abc\n5G\n")
        self.done.append(command)
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    def push(self, _target: object, files: list[File]) -> None:
        self.done.append(f"pushed {len(files)}")


@pytest.fixture
def tell(monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], Story]:
    """Puts a story in the place of the box."""
    monkeypatch.setattr(new_weights, "RETRY_SECONDS", 0.0)

    def install(story: Story) -> Story:
        monkeypatch.setattr(new_weights, "run", story.run)
        monkeypatch.setattr("stacks.courier.push", story.push)
        return story

    return install


STOP = f"systemctl stop {UNIT}"


def test_weights_are_waited_for_over_lost_connections(tell: Callable[[Story], Story], settings: Settings) -> None:
    story = tell(Story("activating", SILENT, SILENT, "activating", "active", said="@word all of it\n"))
    assert bring_weights(TARGET, settings, KEEPING) == "all of it"
    assert story.done == ["pushed 2", start_command(), STOP]


def test_weights_that_do_not_come_say_why_and_what_serves_is_untouched(
    tell: Callable[[Story], Story], settings: Settings
) -> None:
    tell(Story("activating", "failed", said=f"{FULL}\n"))
    with pytest.raises(BoxError) as caught:
        bring_weights(TARGET, settings, KEEPING)
    assert caught.value.fact == f"box/weights: {FULL}"
    assert caught.value.hint.startswith("the model that serves was not touched")


def lend(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Have this token of the Hub on the laptop; empty for none."""
    monkeypatch.setattr("playbooks.hub_token.hub_token", lambda: SimpleNamespace(value=token))
    monkeypatch.setattr("playbooks.hub_token.run", lambda *_, **__: SimpleNamespace(returncode=0))


def test_gated_weights_without_a_token_say_what_to_set(
    tell: Callable[[Story], Story], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lend(monkeypatch, "")
    tell(Story("failed", said=f"{GATED}\n"))
    with pytest.raises(ModelError) as caught:
        bring_weights(TARGET, settings, KEEPING)
    assert caught.value.line() == f"box/weights: {REFUSED}; {new_weights.GATED}"


def test_a_token_that_may_not_read_them_either_is_no_loop(
    tell: Callable[[Story], Story], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lend(monkeypatch, "hf_x")
    tell(Story("failed", "failed", said=f"{GATED}\n"))
    with pytest.raises(ModelError) as caught:
        bring_weights(TARGET, settings, KEEPING)
    assert caught.value.line() == f"box/weights: {REFUSED}; {new_weights.GATED}"


def test_gated_weights_are_tried_once_more_with_the_token(
    tell: Callable[[Story], Story], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lend(monkeypatch, "hf_x")
    story = tell(Story("failed", "active", said=f"{GATED}\n"))
    bring_weights(TARGET, settings, KEEPING)
    assert story.done == ["pushed 2", start_command(), STOP] * 2


def test_a_box_that_rebooted_meanwhile_is_no_success(tell: Callable[[Story], Story], settings: Settings) -> None:
    tell(Story("activating", "inactive"))
    with pytest.raises(BoxError, match="the unit is inactive and said nothing"):
        bring_weights(TARGET, settings, KEEPING)


def test_what_is_under_way_is_joined_and_not_begun_again(tell: Callable[[Story], Story], settings: Settings) -> None:
    story = tell(Story("active", there=f"activating\n{files(settings)[0].content}"))
    bring_weights(TARGET, settings, KEEPING)
    assert story.done == [STOP]


@pytest.mark.parametrize("there", ["", "failed\n", "activating\n{}\n"])
def test_another_models_weights_or_none_are_not_gone_on_with(
    tell: Callable[[Story], Story], settings: Settings, there: str
) -> None:
    tell(Story(there=there))
    assert not goes_on(TARGET, files(settings)[0].content)


def test_a_box_that_stays_silent_is_not_waited_for_for_ever(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_weights, "REACH_SECONDS", -1)
    tell(Story(SILENT))
    with pytest.raises(BoxError, match="port 22 is closed to us, or the box is gone"):
        followed(TARGET, "x", KEEPING)


def test_another_host_key_is_not_waited_for_at_all(tell: Callable[[Story], Story]) -> None:
    tell(Story(BoxError("box/daybox-1: its host key is not the pinned one", hint="do not go on")))
    with pytest.raises(BoxError, match="its host key is not the pinned one"):
        followed(TARGET, "x", KEEPING)


def test_ctrl_c_ends_what_comes_and_says_that_it_is_kept(
    tell: Callable[[Story], Story], settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tell(Story("activating", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        bring_weights(TARGET, settings, KEEPING)
    assert story.done[-1] == STOP
    assert "what came of it is kept, and goes on next time" in capsys.readouterr().err


def test_a_box_that_takes_long_is_kept_and_told_of(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[str] = []
    monkeypatch.setattr(new_weights, "SAY_SECONDS", -1.0)
    tell(Story("activating", "active"))
    followed(TARGET, "x", SimpleNamespace(on=lambda: kept.append("kept")))  # type: ignore[arg-type]
    assert kept == ["kept"]
    assert capsys.readouterr().err == "x: its weights come; all models on the box: 5G\n"
