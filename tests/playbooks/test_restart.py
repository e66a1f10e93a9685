"""restart: what is brought, and what holds when it was in vain. The box's answers are given here.

A real one, with a real vLLM, is met in tests/e2e/one_box/test_switch.py.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import converge, restart, stage_table
from playbooks.box_lock import LostLock
from playbooks.converge import Changes
from playbooks.follow import Seen
from playbooks.restart import Restart, kept_log
from playbooks.stage_errors import CausedError
from playbooks.stages import fold
from stacks.bundle import Bundle, File
from stacks.errors import BoxError, DayboxError, ModelError, NotReadyError
from stacks.ssh import REACH_HINT
from tests.playbooks.pretend_box import BOOT, BOX, whole_run

COMPOSE = "/opt/daybox/compose.yaml"
TARGET: Any = SimpleNamespace(stack="local", alias=BOX.alias)  # what runs on the box is given
SETTINGS: Any = SimpleNamespace(ready_minutes=60.0)
CAUSE = CausedError("box/vllm: kv-too-small: x", hint="shorten; or `fab doctor --fix`", cure="shorten")
GONE = BoxError("box/x: the account has no such box any more", hint="`pulumi up -s local` rents anew")
LOST = LostLock("box/x: the connection that held its lock was lost, nothing more is changed", hint="fab status")
Outcome = BaseException | None


class Story:
    """A box of which is given how each start of vLLM on it ends."""

    def __init__(self, *outcomes: Outcome, gone: bool = False, lost: bool = False) -> None:
        self.outcomes, self.gone, self.lost, self.done = list(outcomes), gone, lost, list[str]()
        self.differ = [File(COMPOSE, 0o644, "x"), File("/opt/daybox/bundle.sha256", 0o644, "y")]

    def bring(self, _target: object, fresh: Sequence[File], changes: Changes) -> int:
        self.done.append(f"brought {len(fresh)}, again {' '.join(changes.stages)}".rstrip())
        return 7

    def watch(self, _target: object, *, begun: int, minutes: float, on_loss: Callable[[], None]) -> Seen:
        self.done.append(f"watched from {begun}")
        if outcome := self.outcomes.pop(0):
            raise outcome
        return Seen(BOOT, tuple(whole_run()), connected=True)

    def let_go_on(self, _target: object) -> int:
        self.done.append("started")
        return 8

    def put_back(self, _target: object, changes: Changes) -> int:
        self.done.append(f"put back {' '.join(changes.stages)}".rstrip())
        return 9

    def must_exist(self, *_: object) -> None:
        if self.gone:
            raise GONE

    def check(self) -> None:
        """Of the lock."""
        if self.lost:
            raise LOST


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Restart]:
    """Puts a story in the place of the box; gives the restart that it is about."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))

    def install(story: Any, *, served: bool = True) -> Restart:
        monkeypatch.setattr(converge, "differences", lambda *_: story.differ)
        monkeypatch.setattr(converge, "bring", story.bring)
        monkeypatch.setattr(converge, "let_go_on", story.let_go_on)
        monkeypatch.setattr(restart, "keep_old", lambda _, paths: story.done.append(f"kept {len(tuple(paths))}"))
        monkeypatch.setattr(restart, "put_back", story.put_back)
        monkeypatch.setattr(restart, "watch", story.watch)
        monkeypatch.setattr(restart, "must_exist", story.must_exist)
        monkeypatch.setattr(restart, "kept_log", lambda *_: Path("/log"))
        return Restart(BOX, TARGET, SETTINGS, Bundle(()), served, hold=story)

    return install


def failure(made: Restart, *, back: bool = True) -> DayboxError:
    """How a restart ends that must fail."""
    with pytest.raises(DayboxError) as caught:
        made.run(back=back)
    return caught.value


def test_what_differs_is_kept_and_brought_and_a_completion_waited_for(tell: Callable[..., Restart]) -> None:
    story = Story(None)
    assert tell(story).run(back=True) == fold(whole_run(), BOOT)
    assert story.done == ["kept 2", "brought 2, again vllm ready", "watched from 7"]


@pytest.mark.parametrize("show", [True, False])
def test_the_table_is_kept_and_programs_that_read_stdout_get_none(
    show: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    restart.tell(BOX, fold(whole_run(), BOOT), show=show)
    assert ("longest chain" in capsys.readouterr().out) is show
    assert stage_table.record_file(BOX).is_file()


@pytest.mark.parametrize("fault", [OSError("No space left on device"), SystemExit(1)])
def test_a_table_that_cannot_be_kept_or_printed_is_only_said_to_be_so(
    fault: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise fault

    monkeypatch.setattr(restart, "finish", fails)
    restart.tell(BOX, (), show=True)
    assert "local: the table of its stages is neither shown nor kept: " in capsys.readouterr().err


@pytest.mark.parametrize("paths", [[], ["/opt/daybox/bundle.sha256"]])
def test_a_vllm_that_stands_still_with_the_right_files_is_started(
    tell: Callable[..., Restart], paths: list[str]
) -> None:
    story = Story(None)
    story.differ = [File(path, 0o644, "y") for path in paths]
    tell(story, served=False).run(back=True)
    assert story.done[-2:] == ["started", "watched from 8"]


def test_a_model_that_does_not_start_is_named_once_the_old_one_serves(tell: Callable[..., Restart]) -> None:
    story = Story(CAUSE, None)
    error = failure(tell(story))
    assert isinstance(error, ModelError)
    assert error.fact == "box/vllm: kv-too-small: x; daybox-smollm2-135m serves again"
    assert error.hint == "shorten; its log: /log"
    assert story.done[2:] == ["watched from 7", "put back vllm ready", "watched from 9"]


def test_the_kind_of_a_failure_stays(tell: Callable[..., Restart]) -> None:
    error = failure(tell(Story(NotReadyError("box/x: not ready after 60 minutes", hint="wait"), None)))
    assert (type(error), error.fact) == (
        NotReadyError,
        "box/x: not ready after 60 minutes; daybox-smollm2-135m serves again",
    )


def test_what_did_not_serve_before_is_not_waited_for(tell: Callable[..., Restart]) -> None:
    story = Story(CAUSE)
    error = failure(tell(story, served=False))
    assert error.fact.endswith("; config and files are as before")
    assert story.done[-1] == "put back vllm ready"


def test_whoever_goes_on_from_there_finds_the_new_files(tell: Callable[..., Restart]) -> None:
    story = Story(CAUSE)
    assert failure(tell(story), back=False) is CAUSE
    assert story.done[-1] == "watched from 7"


def test_an_old_model_that_does_not_come_back_either_is_said_to_be_so(tell: Callable[..., Restart]) -> None:
    error = failure(tell(Story(CAUSE, BoxError("box/ready: it fell over", hint="see"))))
    assert error.fact == (
        "box/vllm: kv-too-small: x; and daybox-smollm2-135m does not serve either: box/ready: it fell over"
    )
    assert error.hint == ("the stack's config is as before; bring the box what it says: fab bootstrap --stack local")


def test_of_a_box_that_is_not_reached_nothing_is_claimed(tell: Callable[..., Restart]) -> None:
    silent = BoxError("box/x: not reached", hint=REACH_HINT)
    assert "is not known to serve: box/x: not reached" in failure(tell(Story(CAUSE, silent))).fact


def test_a_box_that_vanished_is_said_to_be_gone_and_no_more(tell: Callable[..., Restart]) -> None:
    story = Story(GONE, gone=True)
    error = failure(tell(story))
    assert (error.fact, error.hint) == (GONE.fact, f"the stack's config is as before; {GONE.hint}")
    assert story.done[-1] == "watched from 7"


def test_without_the_lock_nothing_is_put_back(tell: Callable[..., Restart]) -> None:
    """Another laptop may have switched the box while this one slept."""
    story = Story(CAUSE, lost=True)
    error = failure(tell(story))
    assert error.line() == (
        "box/vllm: kv-too-small: x; the files of before were not put back: box/x: the connection that held its lock "
        "was lost, nothing more is changed; the stack's config is as before; see what the box serves: fab status; "
        "bring it what the config says: fab bootstrap --stack local"
    )
    assert story.done[-1] == "watched from 7"


def test_ctrl_c_without_the_lock_puts_nothing_back(
    tell: Callable[..., Restart], capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story(KeyboardInterrupt(), lost=True)
    with pytest.raises(KeyboardInterrupt):
        tell(story).run(back=True)
    assert story.done[-1] == "watched from 7"
    assert "nothing more is changed" in capsys.readouterr().err


def test_ctrl_c_brings_the_old_model_back_and_is_still_ctrl_c(
    tell: Callable[..., Restart], capsys: pytest.CaptureFixture[str]
) -> None:
    story = Story(KeyboardInterrupt(), None)
    with pytest.raises(KeyboardInterrupt):
        tell(story).run(back=True)
    assert story.done[-2:] == ["put back vllm ready", "watched from 9"]
    assert "daybox-smollm2-135m comes back; Ctrl-C again does not wait for it" in capsys.readouterr().err


def test_nothing_is_brought_where_the_old_files_cannot_be_kept(
    tell: Callable[..., Restart], monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story()
    made = tell(story)

    def fails(*_: object) -> None:
        raise BoxError("box/x: the files of now could not be kept", hint="nothing is changed")

    monkeypatch.setattr(restart, "keep_old", fails)
    failure(made)
    assert story.done == []


def test_the_log_of_the_failed_start_is_kept_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(restart, "run", lambda *_: SimpleNamespace(stdout="RuntimeError: x\n"))
    kept = kept_log(TARGET, "it ended")
    assert kept and (kept.read_text(), kept.stat().st_mode & 0o777) == ("RuntimeError: x\n", 0o600)


def test_a_container_without_a_log_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restart, "run", lambda *_: SimpleNamespace(stdout=""))
    assert kept_log(TARGET, "it ended") is None


def test_of_two_models_the_log_of_the_one_that_failed_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    asked: list[str] = []

    def run(_: object, words: str) -> SimpleNamespace:
        asked.append(words)
        return SimpleNamespace(stdout="x\n")

    monkeypatch.setattr(restart, "run", run)
    kept_log(TARGET, "box/ready: the container vllm-architect is exited after 2 restarts")
    assert asked == ["docker logs --tail 4000 vllm-architect 2>&1"]
