"""What is done on the box for a cure that changes no setting: its words, its lock, and what came of it."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from playbooks import doctor_mend
from playbooks.doctor_cures import Cure
from playbooks.follow import Seen
from stacks.errors import BoxError, DayboxError, NotReadyError
from stacks.settings import Settings
from tests.playbooks.given_exam import exam
from tests.playbooks.pretend_box import BOOT, BOX, whole_run
from tests.shipped import settings_of

START = Cure("start", "vLLM is started again", on_box="start")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of a box that can be locked, kept and started; how it goes on, each test says."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    for name in ("holding", "kept"):
        monkeypatch.setattr(doctor_mend, name, lambda *_: nullcontext())
    monkeypatch.setattr("playbooks.converge.counted", lambda *_: 7)
    return settings_of("local", tmp_path)


def mended(settings: Settings) -> DayboxError | None:
    return doctor_mend.mend(BOX, exam(settings=settings), START, show=False)


def test_a_completion_is_waited_for_from_where_the_cure_began(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []

    def watch(*_: object, begun: int, minutes: float) -> Seen:
        starts.append(begun)
        return Seen(BOOT, tuple(whole_run()))

    monkeypatch.setattr("playbooks.watching.watch", watch)
    assert mended(settings) is None and starts == [7]


def test_a_cure_after_which_none_comes_says_why(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    late = NotReadyError("box/ready: not within 30 min", hint="x")

    def watch(*_: object, **__: object) -> None:
        raise late

    monkeypatch.setattr("playbooks.watching.watch", watch)
    assert mended(settings) is late


def test_a_box_that_another_changes_is_no_cure_that_failed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise BoxError("box/daybox-7: anna@x is changing it", hint="wait until that is done")

    monkeypatch.setattr(doctor_mend, "holding", locked)
    with pytest.raises(BoxError, match="anna@x is changing it"):
        mended(settings)


def test_the_words_on_the_box_name_no_more_than_they_must(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def counted(_: object, command: str) -> int:
        sent.append(command)
        return 7

    monkeypatch.setattr("playbooks.converge.counted", counted)
    target: Any = None
    assert doctor_mend.start(target, exam()) == 7
    assert doctor_mend.download(target, exam(weights={"name": "a b"})) == 7
    old = [{"name": "x_vllm", "project": "daybox", "id": "1"}]
    assert doctor_mend.remove_old(target, exam(docker={"containers": old})) == 7
    started, downloaded, removed = sent
    assert started.startswith("docker stop --time 20 vllm >/dev/null 2>&1; ")
    assert "systemctl stop daybox-vllm.service daybox-ready.service" in started
    gone = "'/var/lib/daybox/models/a b' '/var/lib/daybox/models/.a b'-*"
    assert f"docker rm --force vllm >/dev/null 2>&1; rm -rf -- {gone}; " in downloaded
    assert "systemctl stop daybox-weights.service daybox-vllm.service daybox-ready.service" in downloaded
    assert removed.startswith("docker rm --force x_vllm >/dev/null; ")


def test_what_was_freed_is_said_step_by_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = '[{"what": "dangling images", "mib": 812, "why": ""}, {"what": "old journals", "mib": 0, "why": "denied"}]'
    answer: Any = type("Done", (), {"stdout": rows, "stderr": ""})
    monkeypatch.setattr(doctor_mend, "run", lambda *_, **__: answer)
    monkeypatch.setattr("playbooks.converge.let_go_on", lambda _: 3)
    target: Any = None
    assert doctor_mend.free(target, exam()) == 3
    assert capsys.readouterr().err == "dangling images: 812 MiB freed\nold journals: 0 MiB freed: denied\n"
