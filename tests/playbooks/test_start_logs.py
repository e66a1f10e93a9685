"""Why vLLM did not start: the newest start, those before it, and what its stage said."""

from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import start_logs
from playbooks.start_logs import MARK, diagnosed, log_command, start_cause
from stacks.errors import BoxError
from stacks.ssh import REACH_HINT
from tests.playbooks.given_exam import DAMAGED, HEALTHY, KV_TOO_SMALL, START

TARGET: Any = None  # what runs on the box is given


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a log in the place of the box's."""

    def install(text: str) -> None:
        monkeypatch.setattr(start_logs, "run", lambda *_, **__: SimpleNamespace(stdout=text))

    return install


def cause(word: str = "") -> str:
    found = start_cause(TARGET, word)
    return found.cause if found else "none"


@pytest.mark.parametrize(
    ("now", "before", "meant"),
    [
        (KV_TOO_SMALL, "", "kv-too-small"),
        (START, DAMAGED, "weights-damaged"),  # started again, and not far enough to fail again
        (KV_TOO_SMALL, DAMAGED, "kv-too-small"),
        ("", DAMAGED, "weights-damaged"),
        (HEALTHY, "", "none"),
        ("", "", "none"),
    ],
)
def test_the_newest_start_that_has_a_cause_says_why(says: Any, now: str, before: str, meant: str) -> None:
    says(f"{now}\n{MARK}\n{before}")
    assert cause() == meant


def test_dockers_refusal_stands_in_the_word_of_the_stage(says: Any) -> None:
    says("")
    daemon = 'Error response from daemon: could not select device driver "nvidia" with capabilities: [[gpu]]'
    word = f"Container vllm Starting | {daemon}"
    assert cause(word) == "no-nvidia-runtime"


def test_a_box_that_went_away_leaves_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreached(*_: object, **__: object) -> None:
        raise BoxError("box/daybox-7: not reached", hint=REACH_HINT)

    monkeypatch.setattr(start_logs, "run", unreached)
    assert (cause(), cause("OSError: [Errno 28] No space left on device")) == ("none", "disk-full")


def test_the_box_is_asked_for_the_newest_start_by_its_own_clock() -> None:
    words = log_command(9)
    assert "docker logs --tail 9 --since $at vllm" in words and "docker logs --tail 9 --until $at vllm" in words


def test_without_any_text_nothing_is_known() -> None:
    assert diagnosed(["", "\n"], answers=False) is None
