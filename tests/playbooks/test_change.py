"""change: what is refused with nothing touched, the order in which it is done, and what failure leaves."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import change as module
from playbooks.change import ask_again, carry_out, checked, words_for
from playbooks.stages import Row
from stacks.box import Box
from stacks.errors import BoxError, CloudError, ConfigError, DayboxError, ModelError, UsageError
from stacks.interrupt import ENDING
from tests.playbooks.pretend_box import BOX
from tests.shipped import raw_of

GONE = BoxError("box/x: the account does not list it", hint="nothing is changed")
RENTED = replace(
    BOX, stack="coder-30b", cloud="linode", plan="g2-gpu-rtx4000a2-s", region=raw_of("coder-30b")["region"]
)
THIRTY = replace(RENTED, model="qwen3-coder-30b")
FAILED = ModelError("box/vllm: does not start; daybox-smollm2-135m serves again", hint="shorten")


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The config of a stack on two cards, as Pulumi gives it."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    public = tmp_path / "key.pub"
    public.write_text("ssh-ed25519 AAAA comment\n")
    found = raw_of("coder-30b") | {"sshFrom": "203.0.113.7/32", "sshPublicKey": str(public)}
    monkeypatch.setattr(module, "raw_settings", lambda _stack: dict(found))
    return found


def refused(values: Mapping[str, str | None]) -> DayboxError:
    """What is said of a change that cannot be."""
    with pytest.raises(DayboxError) as caught:
        checked("coder-30b", values)
    return caught.value


def test_the_settings_are_the_stacks_with_what_is_asked(raw: dict[str, str]) -> None:
    found = checked("coder-30b", {"model": "qwen3.8-27b", "context": "16384", "servedName": "coder"})
    assert (found.model.name, found.context, found.served_name) == ("qwen3.8-27b", 16384, "coder")
    assert found.plan.name == raw["plan"]


def test_none_is_the_default_of_pulumi_yaml(raw: dict[str, str]) -> None:
    raw["kvCacheDtype"] = "fp8"
    assert checked("coder-30b", {"kvCacheDtype": None}).kv_cache_dtype == "auto"


def test_what_does_not_fit_is_a_fault_of_the_model_and_says_what_would(raw: dict[str, str]) -> None:
    error = refused({"context": "65536"})
    assert isinstance(error, ModelError)
    assert error.line() == (
        "stacks/coder-30b/model: 65536 tokens are more than the 48272 of qwen3-coder-30b that fit g2-gpu-rtx4000a2-s; "
        "say --context 48272, or see what fits: fab fit qwen3-coder-30b; nothing is changed"
    )


def test_a_model_that_leaves_no_room_at_all_offers_no_shorter_context(raw: dict[str, str]) -> None:
    error = refused({"model": "qwen3-coder-480b"})
    assert isinstance(error, ModelError)
    assert "--context" not in error.hint


def test_all_other_faults_are_the_configs_and_told_together(raw: dict[str, str]) -> None:
    error = refused({"model": "qwen-33b", "context": "long", "servedName": "gpt-4"})
    assert isinstance(error, ConfigError)
    assert [line.split(":")[0] for line in error.line().splitlines()] == [
        *("stacks/coder-30b/model", "stacks/coder-30b/servedName", "stacks/coder-30b/context")
    ]


def test_what_force_overrules_is_not_taken_for_another_fault(raw: dict[str, str]) -> None:
    raw["force"] = "true"
    error = refused({"context": "65536", "servedName": "gpt-4"})
    assert isinstance(error, ConfigError)
    assert error.fact.startswith("stacks/coder-30b/servedName: ")


def test_another_plan_is_another_box(raw: dict[str, str]) -> None:
    error = refused({"plan": "g2-gpu-rtx4000a1-s"})
    assert isinstance(error, UsageError)
    assert error.line() == "stacks/coder-30b/plan: is another box; pulumi up -s coder-30b"


def test_whoever_finds_the_box_locked_is_told_what_changes() -> None:
    assert words_for({"model": "x", "servedName": None}) == "model becomes x, servedName becomes its default"


class Story:
    """All that a change calls, in the order in which it is called. fails: name -> what it raises."""

    def __init__(self, **fails: BaseException) -> None:
        self.fails, self.done = fails, list[str]()
        self.up_status, self.report = 0, SimpleNamespace(ready=True, bundle="old")
        self.has_volume = False

    def did(self, name: str) -> None:
        self.done.append(name)
        if name in self.fails:
            raise self.fails[name]

    @contextmanager
    def within(self, name: str) -> Iterator[Any]:
        self.done.append(name)
        try:
            yield SimpleNamespace(check=lambda: self.did("checked the lock"), on=lambda: None, found=None)
        except BaseException:
            self.done.append(f"{name}: undone")
            raise

    def up(self, _stack: str) -> int:
        self.did("up")
        return self.up_status

    def restart(self, *_: object, back: bool) -> Sequence[Row]:
        self.did("restart")
        return ()


@pytest.fixture
def tell(raw: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], Story]:
    """Puts a story in the place of everything that a change calls."""
    monkeypatch.setattr("stacks.bundle.bundle_for", lambda _: SimpleNamespace(sha256="new"))

    def install(story: Story) -> Story:
        monkeypatch.setattr(module, "box_target", lambda _: None)
        monkeypatch.setattr(module, "holding", lambda *_: story.within("lock"))
        monkeypatch.setattr(module, "kept", lambda *_: story.within("kept"))
        monkeypatch.setattr(module, "config_set", lambda *_: story.within("config"))
        monkeypatch.setattr(module, "check_there", lambda *_: story.did("looked"))
        monkeypatch.setattr(module, "bring_weights", lambda *_: story.did("weights"))
        monkeypatch.setattr(module, "read_report", lambda _: story.report)
        monkeypatch.setattr(module, "serves", lambda _, report: report.ready)
        monkeypatch.setattr(module, "Restart", lambda *_: SimpleNamespace(run=story.restart))
        monkeypatch.setattr(module, "run", lambda *_: SimpleNamespace(returncode=int(not story.has_volume)))
        monkeypatch.setattr(module, "tell", lambda *_, show: story.did("table"))
        monkeypatch.setattr(module, "pulumi_up_quietly", story.up)
        monkeypatch.setattr(module, "box_of", lambda _: replace(BOX, model="qwen3.8-27b"))
        return story

    return install


def changed(values: Mapping[str, str | None], *, keep: bool = False) -> Box:
    """A change of the box."""
    return carry_out(THIRTY, values, show=False, keep_if_it_fails=keep)


OTHER = {"model": "qwen3.8-27b"}
BEFORE = ["lock", "kept", "looked", "weights", "checked the lock", "config", "restart"]


def test_weights_come_before_anything_is_touched_and_up_comes_last(tell: Callable[[Story], Story]) -> None:
    story = tell(Story())
    assert changed(OTHER).model == "qwen3.8-27b"
    assert story.done == [*BEFORE, "checked the lock", "looked", "up", "table"]


def test_a_change_of_context_brings_no_weights(tell: Callable[[Story], Story]) -> None:
    story = tell(Story())
    changed({"context": "16384"})
    assert "weights" not in story.done


def test_whoever_does_not_agree_has_changed_nothing(tell: Callable[[Story], Story]) -> None:
    story = tell(Story())

    def no() -> None:
        raise UsageError("fab switch: nothing is changed", hint="say y")

    with pytest.raises(UsageError):
        carry_out(THIRTY, OTHER, show=False, consent=no)
    assert story.done == []


def asked_again(story: Story, values: Mapping[str, str | None]) -> list[str]:
    """What was done by whom nobody speaks against at first, and somebody the second time that it asks."""

    def consent() -> None:
        story.did("asked")
        if story.done.count("asked") == 2:
            raise UsageError("fab switch: nothing is changed", hint="say y")

    with suppress(UsageError):
        carry_out(THIRTY, values, show=False, consent=consent)
    return story.done


def test_whoever_is_answered_once_the_weights_have_come_is_not_cut_off_unasked(tell: Callable[[Story], Story]) -> None:
    done = ["asked", "lock", "kept", "looked", "weights", "asked", "kept: undone", "lock: undone"]
    assert asked_again(tell(Story()), OTHER) == done


def test_what_brings_no_weights_asks_but_once(tell: Callable[[Story], Story]) -> None:
    assert asked_again(tell(Story()), {"context": "16384"}).count("asked") == 1


def test_a_no_after_the_download_says_that_the_weights_are_kept() -> None:
    def no() -> None:
        raise UsageError("fab switch: nothing is changed", hint="say y")

    with pytest.raises(UsageError) as caught:
        ask_again(no)
    assert caught.value.line() == "fab switch: nothing is changed; the new weights are kept on the box; say y"


@pytest.mark.parametrize(("key", "said"), [("plan", "g2-gpu-rtx4000a4-m"), ("region", "de-fra-2"), ("cloud", "local")])
def test_a_config_that_means_the_next_box_is_refused_with_nothing_touched(
    tell: Callable[[Story], Story], raw: dict[str, str], key: str, said: str
) -> None:
    story, rented = tell(Story()), raw[key]
    raw[key] = said
    with pytest.raises(ConfigError) as caught:
        changed(OTHER)
    assert caught.value.line() == (
        f"stacks/coder-30b/{key}: says {said}, but the box that runs was rented with {rented}; "
        f"nothing is changed; for this box: pulumi config set -s coder-30b daybox:{key} {rented}"
    )
    assert story.done == []


@pytest.mark.parametrize(("wanted", "has_one"), [("true", False), ("false", True)])
def test_so_is_one_that_means_a_box_with_a_volume_or_without(
    tell: Callable[[Story], Story], raw: dict[str, str], wanted: str, has_one: bool
) -> None:
    story = tell(Story())
    raw["volume"], story.has_volume = wanted, has_one
    with pytest.raises(ConfigError, match=f"coder-30b/volume: says {wanted}, but the box that runs was rented with"):
        changed(OTHER)
    assert "weights" not in story.done


@pytest.mark.parametrize("number", ENDING)
def test_a_closed_terminal_and_a_polite_end_put_all_of_it_back(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    story = tell(Story())
    monkeypatch.setattr(story, "restart", lambda **_: signal.raise_signal(number))
    with pytest.raises(KeyboardInterrupt):
        changed(OTHER)
    assert story.done[-3:] == ["config: undone", "kept: undone", "lock: undone"]


def test_what_cannot_be_does_not_even_take_the_lock(tell: Callable[[Story], Story]) -> None:
    story = tell(Story())
    with pytest.raises(ModelError):
        changed({"context": "65536"})
    assert story.done == []


def test_weights_that_do_not_come_leave_config_and_box_alone(tell: Callable[[Story], Story]) -> None:
    story = tell(Story(weights=BoxError("box/weights: gated", hint="nothing is changed")))
    with pytest.raises(BoxError, match="gated"):
        changed(OTHER)
    assert "config" not in story.done


def test_a_failed_start_puts_the_config_back_and_declares_nothing(tell: Callable[[Story], Story]) -> None:
    story = tell(Story(restart=FAILED))
    with pytest.raises(ModelError, match="serves again"):
        changed(OTHER)
    assert story.done == [*BEFORE, "config: undone", "kept: undone", "lock: undone"]


def test_ctrl_c_puts_the_config_back(tell: Callable[[Story], Story]) -> None:
    story = tell(Story(restart=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        changed(OTHER)
    assert "config: undone" in story.done


def test_whoever_goes_on_from_a_failure_keeps_the_config(tell: Callable[[Story], Story]) -> None:
    story = tell(Story(restart=FAILED))
    with pytest.raises(ModelError):
        changed(OTHER, keep=True)
    assert "config" in story.done and "config: undone" not in story.done and "up" not in story.done


def test_a_box_that_serves_it_already_is_only_declared(tell: Callable[[Story], Story]) -> None:
    story = tell(Story())
    story.report = SimpleNamespace(ready=True, bundle="new")
    changed({"context": "16384"})
    assert story.done == ["lock", "kept", "looked", "checked the lock", "config", "checked the lock", "looked", "up"]


def test_what_is_served_and_declared_already_is_all_there_is_to_it(
    tell: Callable[[Story], Story], capsys: pytest.CaptureFixture[str]
) -> None:
    story = tell(Story())
    story.report = SimpleNamespace(ready=True, bundle="new")
    box = replace(THIRTY, bundle_sha256="new")
    assert carry_out(box, {"context": "32768"}, show=False) is box
    assert "up" not in story.done
    assert capsys.readouterr().err == "coder-30b: daybox-qwen3-coder-30b serves so already\n"


def test_a_box_that_should_serve_it_and_does_not_is_restarted(tell: Callable[[Story], Story]) -> None:
    story = tell(Story())
    story.report = SimpleNamespace(ready=False, bundle="new")
    changed({"context": "16384"})
    assert "restart" in story.done


def test_a_lock_that_was_lost_stops_it_before_anything_is_touched(tell: Callable[[Story], Story]) -> None:
    story = tell(Story(**{"checked the lock": BoxError("the lock was lost", hint="again")}))
    with pytest.raises(BoxError, match="the lock was lost"):
        changed(OTHER)
    assert "config" not in story.done


def test_an_up_that_fails_leaves_the_new_model_and_says_how_to_finish(tell: Callable[[Story], Story]) -> None:
    story = tell(Story())
    story.up_status = 255
    with pytest.raises(CloudError) as caught:
        changed(OTHER)
    assert caught.value.line() == (
        "stacks/coder-30b: daybox-qwen3.8-27b serves, but `pulumi up` ended with 255; "
        "its outputs still tell of daybox-smollm2-135m: pulumi up -s coder-30b"
    )
    assert "config: undone" not in story.done and "table" in story.done


def test_no_up_rents_another_box_for_one_that_is_gone_by_then(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = tell(Story())

    def look(*_: object) -> None:
        story.done.append("looked")
        if story.done.count("looked") == 2:
            raise GONE

    monkeypatch.setattr(module, "check_there", look)
    with pytest.raises(BoxError, match="serves, but `pulumi up` was not run: box/x: the account does not list it"):
        changed(OTHER)
    assert "up" not in story.done


def test_the_second_model_stays_as_it_is_where_both_still_fit(raw: dict[str, str]) -> None:
    raw |= {"architect": "qwen2.5-coder-7b-awq", "model": "qwen2.5-coder-14b", "context": "8192"}
    before, after = checked("coder-30b", {}), checked("coder-30b", {"model": "gpt-oss-20b"})
    assert after.architect_fit == before.architect_fit and after.architect_name == "daybox-qwen2.5-coder-7b-awq"


def test_a_model_beside_which_the_second_one_does_not_fit_is_refused_with_the_arithmetic(raw: dict[str, str]) -> None:
    raw |= {"architect": "qwen3-coder-30b-awq", "model": "qwen2.5-coder-14b", "context": "8192"}
    error = refused({"model": "qwen3.8-27b-int4"})
    assert isinstance(error, ModelError)
    assert error.fact.startswith(
        "stacks/coder-30b/architect: qwen3-coder-30b-awq does not fit beside qwen3.8-27b-int4 on g2-gpu-rtx4000a2-s: "
    )
    assert error.hint.endswith("nothing is changed")
