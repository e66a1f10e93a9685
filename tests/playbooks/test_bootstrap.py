"""bootstrap: what it decides to do, and how it ends."""

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from playbooks import bootstrap, converge, stage_table, watching
from playbooks.bootstrap import make_ready
from playbooks.converge import Changes
from playbooks.follow import Seen
from playbooks.report import Report, WatchdogReport
from playbooks.stages import Event, fold
from stacks.bundle import Bundle, File
from stacks.errors import BoxError, ConfigError, NotReadyError
from stacks.interrupt import ENDING
from stacks.ssh import REACH_HINT
from stacks.stages import GRAPH, Stage
from tests.playbooks.pretend_box import BOOT, BOX, NEXT_BOOT, began, ended, ran, whole_run

BUNDLE = Bundle((File("/opt/daybox/compose.yaml", 0o644, "x"),))
READY = Report(BOOT, BUNDLE.sha256, tuple(whole_run()), WatchdogReport(True, None, None, ""), ready=True)
TARGET: Any = None  # what runs on the box is given
SETTINGS: Any = SimpleNamespace(
    served_name=BOX.served_name,
    ready_minutes=60.0,
    model=SimpleNamespace(name="smollm2-135m"),
    architect_name="",
    cloud=SimpleNamespace(token="daybox-local"),
    volume=True,  # so that no compile cache is carried: tests/playbooks/test_compile_carrier.py
)


class Story:
    """A box whose answers are given, and what was done to it."""

    def __init__(self, report: Report | None, seen: Sequence[Seen] = ()) -> None:
        self.report, self.seen, self.done = report, list(seen), list[str]()
        self.differ: tuple[str, ...] = ()
        self.interrupted = False  # by Ctrl-C, once all of it was seen

    def follow(self, _target: object) -> Iterator[Seen]:
        yield from self.seen
        if self.interrupted:
            raise KeyboardInterrupt

    def bring(self, _target: object, fresh: Sequence[File], changes: Changes) -> int:
        self.done.append(f"brought {len(fresh)}, again {' '.join(changes.stages)}".rstrip())
        return len(self.report.events) if self.report else 0

    def let_go_on(self, _target: object) -> int:
        self.done.append("started")
        return len(self.report.events) if self.report else 0


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Story], Story]:
    """Puts a story in the place of the box."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))

    def install(story: Story) -> Story:
        monkeypatch.setattr(bootstrap, "find_settings", lambda _stack: SETTINGS)
        monkeypatch.setattr("stacks.bundle.bundle_for", lambda _settings: BUNDLE)
        monkeypatch.setattr(bootstrap, "read_report", lambda _target: story.report)
        monkeypatch.setattr(bootstrap, "holding", lambda _target, _what: nullcontext())
        monkeypatch.setattr(watching, "follow", story.follow)
        monkeypatch.setattr("playbooks.stage_errors.last_lines", lambda _target, stage, _word: f"the log of {stage}")
        monkeypatch.setattr(converge, "differences", lambda _t, files: [f for f in files if f.path in story.differ])
        monkeypatch.setattr(converge, "bring", story.bring)
        monkeypatch.setattr(converge, "let_go_on", story.let_go_on)
        return story

    return install


def seen(*events: Event, boot: str = BOOT) -> Seen:
    return Seen(boot, tuple(events), connected=True)


def test_a_ready_box_is_left_alone(tell: Callable[[Story], Story], capsys: pytest.CaptureFixture[str]) -> None:
    story = tell(Story(READY))
    stage_table.keep(BOX, fold(READY.events, BOOT))
    make_ready(BOX)
    assert story.done == []
    assert capsys.readouterr().out == "local: ready; nothing to do\n"


def test_a_box_that_made_itself_ready_shows_its_table_once(
    tell: Callable[[Story], Story], capsys: pytest.CaptureFixture[str]
) -> None:
    tell(Story(READY))
    make_ready(BOX)
    assert "longest chain docker > image > vllm > ready: 15.0 s" in " ".join(capsys.readouterr().out.split())
    make_ready(BOX)
    assert capsys.readouterr().out == "local: ready; nothing to do\n"


def test_a_box_on_its_way_is_followed(tell: Callable[[Story], Story]) -> None:
    begun = whole_run()[:5]
    story = tell(Story(replace(READY, events=tuple(begun), ready=False), [seen(*begun), seen(*whole_run())]))
    make_ready(BOX)
    assert story.done == ["started"]
    assert stage_table.record_file(BOX).is_file()


def test_another_bundle_is_brought_and_what_it_concerns_begins_again(
    tell: Callable[[Story], Story], capsys: pytest.CaptureFixture[str]
) -> None:
    again = [*whole_run(), *ran("vllm", 2000, 2001), *ran("ready", 2001, 2003)]
    story = tell(Story(replace(READY, bundle="another"), [seen(*whole_run()), seen(*again)]))
    story.differ = ("/opt/daybox/compose.yaml", "/opt/daybox/bundle.sha256")
    make_ready(BOX, consent=True)
    assert story.done == ["brought 2, again vllm ready"]
    assert "bundle: 2 files are brought; beginning again: vllm, ready" in capsys.readouterr().err


def test_a_box_that_serves_is_not_stopped_unasked_and_what_is_left_is_named(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stamp says so, too: neither bundle is there as a whole."""
    files = tuple(File(path, 0o644, "x") for path in ("/opt/daybox/compose.yaml", "/opt/daybox/bin/report"))
    story = tell(Story(replace(READY, bundle="another")))
    monkeypatch.setattr("stacks.bundle.bundle_for", lambda _settings: Bundle(files))
    story.differ = (*(file.path for file in files), "/opt/daybox/bundle.sha256")
    stage_table.keep(BOX, fold(READY.events, BOOT))
    make_ready(BOX)
    said = capsys.readouterr()
    assert story.done == ["brought 2, again"]
    assert "local: NOT brought, because vLLM serves and would stop: /opt/daybox/compose.yaml; see it: fab b" in said.err
    assert said.out == "local: ready; what was left stands above\n"


def test_a_box_that_does_not_serve_gets_all_of_it_unasked(tell: Callable[[Story], Story]) -> None:
    again = [*whole_run(), *ran("vllm", 2000, 2001), *ran("ready", 2001, 2003)]
    story = tell(Story(replace(READY, bundle="another", ready=False), [seen(*again)]))
    story.differ = ("/opt/daybox/compose.yaml", "/opt/daybox/bundle.sha256")
    make_ready(BOX)
    assert story.done == ["brought 2, again vllm ready"]


def test_what_would_be_brought_is_only_said(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tell(Story(replace(READY, bundle="another", watchdog=WatchdogReport(False, None, None, ""))))
    story.differ = ("/opt/daybox/compose.yaml", "/opt/daybox/bundle.sha256")
    monkeypatch.setattr("playbooks.difference.texts", lambda _target, paths: dict.fromkeys(paths, "old"))
    monkeypatch.setattr(bootstrap, "find_box", lambda _stack: BOX)
    bootstrap.bootstrap(Context(), preview=True, json=True)
    row = json.loads(capsys.readouterr().out)
    assert (row["vllm"], row["serves"], row["diff"], story.done) == ("restarts", True, ["-old", "+x"], [])


def test_json_is_of_the_preview(tell: Callable[[Story], Story]) -> None:
    with pytest.raises(Exit, match="--json is for --preview"):
        bootstrap.bootstrap(Context(), json=True)


def test_files_that_no_stage_reads_are_brought_and_that_is_all(tell: Callable[[Story], Story]) -> None:
    story = tell(Story(replace(READY, bundle="another")))
    story.differ = ("/opt/daybox/bundle.sha256",)
    make_ready(BOX)
    assert story.done == ["brought 1, again"]


def test_a_box_without_a_bundle_gets_it_and_is_started(tell: Callable[[Story], Story]) -> None:
    story = tell(Story(None, [seen(*whole_run())]))
    story.differ = ("/opt/daybox/compose.yaml", "/opt/daybox/bundle.sha256")
    make_ready(BOX)
    assert story.done == ["brought 2, again vllm ready"]


def test_the_end_of_an_earlier_run_is_not_taken_for_this_ones(tell: Callable[[Story], Story]) -> None:
    """A rebooted box: it was ready, is not, and will be."""
    after = whole_run(NEXT_BOOT, 5000)
    report = replace(READY, boot=NEXT_BOOT, ready=False)
    tell(Story(report, [seen(*whole_run(), boot=NEXT_BOOT), seen(*whole_run(), *after, boot=NEXT_BOOT)]))
    make_ready(BOX)


def test_a_stage_that_fails_is_named_with_its_word_and_its_log(
    tell: Callable[[Story], Story], capsys: pytest.CaptureFixture[str]
) -> None:
    events = [began("weights", 1), ended("weights", 2, "failed", "the disk of /var/lib/daybox is full")]
    tell(Story(replace(READY, events=(), ready=False), [seen(*events)]))
    with pytest.raises(BoxError) as caught:
        make_ready(BOX)
    assert caught.value.fact == "box/weights: the disk of /var/lib/daybox is full"
    assert caught.value.hint == "the whole log: fab logs --of bootstrap; go on, once mended: fab bootstrap"
    assert "the log of weights" in capsys.readouterr().err


def test_what_failed_before_gets_another_chance(tell: Callable[[Story], Story]) -> None:
    failed = ran("docker", 1, 2, "failed")
    story = tell(Story(replace(READY, events=tuple(failed), ready=False), [seen(*failed), seen(*failed, *whole_run())]))
    make_ready(BOX)
    assert story.done == ["started"]


def test_a_box_that_takes_too_long_is_not_ready(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    late: Any = SimpleNamespace(**vars(SETTINGS) | {"ready_minutes": 0.0})
    tell(Story(replace(READY, events=(), ready=False), [seen(began("weights", 1))]))
    monkeypatch.setattr(bootstrap, "find_settings", lambda _stack: late)
    with pytest.raises(NotReadyError) as caught:
        make_ready(BOX)
    assert caught.value.fact.startswith(
        "box/daybox-12345678: not ready after 0 minutes: watchdog is waiting, driver is waiting, docker is waiting, "
        "image is waiting, weights is running"
    )


def test_settings_that_up_has_not_seen_are_refused(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    other: Any = SimpleNamespace(**vars(SETTINGS) | {"served_name": "x", "model": SimpleNamespace(name="coder-7b")})
    story = tell(Story(READY))
    monkeypatch.setattr(bootstrap, "find_settings", lambda _stack: other)
    with pytest.raises(ConfigError) as caught:
        make_ready(BOX)
    assert caught.value.line() == (
        "stacks/local/model: says coder-7b, but `up` was run with smollm2-135m; pulumi up -s local"
    )
    assert story.done == []


def test_a_silent_box_that_the_account_does_not_have_is_not_waited_for(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_target: object) -> None:
        raise BoxError("box/daybox-12345678: not reached", hint=REACH_HINT)

    tell(Story(READY))
    monkeypatch.setattr(bootstrap, "read_report", silent)
    monkeypatch.setattr("playbooks.presence.is_gone", lambda _account, _id: True)
    with pytest.raises(BoxError, match="the account has no such box any more"):
        make_ready(BOX)


def test_a_watchdog_that_somebody_stopped_is_woken_also_where_nothing_else_is_to_do(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[object] = []
    tell(Story(replace(READY, watchdog=WatchdogReport(False, None, None, "its timer does not run"))))
    monkeypatch.setattr(converge, "wake_watchdog", woken.append)
    make_ready(BOX)
    assert len(woken) == 1


def test_an_end_that_was_written_while_we_looked_is_not_waited_for_in_vain(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last stage had written its end and not yet ended: nothing was started, and its end was not counted."""
    before, again = whole_run(), [*whole_run(), *ran("ready", 2000, 2001)]
    story = tell(Story(replace(READY, events=tuple(before), ready=False), [seen(*before), seen(*again)]))
    monkeypatch.setattr(watching, "QUIET_SECONDS", -1.0)
    monkeypatch.setattr(watching, "raise_if_given_up", lambda _target: None)
    make_ready(BOX)
    assert story.done == ["started", "started"]


@pytest.mark.parametrize("hint", [REACH_HINT, "another"])
def test_only_a_box_that_is_not_reached_just_now_may_go_unasked(monkeypatch: pytest.MonkeyPatch, hint: str) -> None:
    def fails(_target: object) -> None:
        raise BoxError("box/x", hint=hint)

    monkeypatch.setattr(watching, "raise_if_given_up", fails)
    with nullcontext() if hint == REACH_HINT else pytest.raises(BoxError):
        watching.nudge(TARGET)


@pytest.mark.parametrize("stage", GRAPH, ids=lambda stage: stage.name)
def test_ctrl_c_in_any_stage_says_that_the_box_goes_on(
    tell: Callable[[Story], Story], stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    story = tell(Story(replace(READY, events=(), ready=False), [seen(began(stage.name, 1))]))
    story.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        make_ready(BOX)
    assert "the box goes on by itself; follow it again: fab bootstrap" in capsys.readouterr().err


def test_systemd_is_asked_when_a_box_says_nothing_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("playbooks.watching.time.monotonic", lambda: clock[0])
    quiet, still = watching.Quiet(), seen(began("image", 1))
    assert not quiet.too_long(still)
    clock[0] = watching.QUIET_SECONDS
    assert quiet.too_long(still)
    assert not quiet.too_long(still)  # and then not again for as long


def test_an_event_or_a_lost_connection_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("playbooks.watching.time.monotonic", lambda: clock[0])
    quiet = watching.Quiet()
    clock[0] = 100
    assert not quiet.too_long(seen(began("image", 1)))
    clock[0] = 200
    assert not quiet.too_long(replace(seen(began("image", 1)), connected=False))


def test_only_a_box_that_was_connected_and_is_not_is_asked_for_and_not_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [100.0]
    monkeypatch.setattr("playbooks.watching.time.monotonic", lambda: clock[0])
    lost, here = watching.Lost(), seen(began("image", 1))
    gone = replace(here, connected=False)
    assert not lost.asks(here)
    assert not lost.asks(Seen())  # it was never reached: `reached` waits for it
    assert lost.asks(gone) and not lost.asks(gone)
    clock[0] += watching.LOST_SECONDS
    assert lost.asks(gone)


def test_a_box_that_vanishes_is_not_followed_any_longer(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = replace(seen(began("image", 1)), connected=False)
    tell(Story(replace(READY, events=(), ready=False), [seen(began("image", 1)), gone]))
    monkeypatch.setattr("playbooks.presence.is_gone", lambda _account, _id: True)
    with pytest.raises(BoxError, match="the account has no such box any more"):
        make_ready(BOX)


def test_two_bundles_are_never_brought_at_once(tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(_target: object, what: str) -> None:
        raise BoxError(f"box/x: a@b is changing it: {what}", hint="wait until that is done")

    story = tell(Story(replace(READY, bundle="another", ready=False)))
    story.differ = ("/opt/daybox/compose.yaml",)
    monkeypatch.setattr(bootstrap, "holding", taken)
    with pytest.raises(BoxError, match="a@b is changing it"):
        make_ready(BOX)
    assert story.done == []


class Meanwhile:
    """A lock that is had only after somebody else did something to the box."""

    def __init__(self, story: Story, **changes: Any) -> None:
        self.story, self.changes = story, changes

    def __enter__(self) -> None:
        vars(self.story).update(self.changes)

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    "changes",
    [
        {"differ": ("/opt/daybox/bundle.sha256",)},
        {"report": replace(READY, bundle="a third")},
        {"report": replace(READY, bundle="another", ready=True)},
    ],
    ids=["other files differ", "another bundle came", "it serves by now"],
)
def test_what_was_agreed_to_is_not_brought_to_a_box_that_changed_meanwhile(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    story = tell(Story(replace(READY, bundle="another", ready=False)))
    story.differ = ("/opt/daybox/compose.yaml",)
    monkeypatch.setattr(bootstrap, "holding", lambda *_: Meanwhile(story, **changes))
    monkeypatch.setattr(bootstrap, "serves", lambda _, report: report.ready)
    with pytest.raises(BoxError, match="it changed meanwhile"):
        make_ready(BOX)
    assert story.done == []


@pytest.mark.parametrize("number", ENDING)
def test_a_closed_terminal_or_a_polite_end_takes_back_what_the_box_was_lent(
    tell: Callable[[Story], Story], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    story, given = tell(Story(replace(READY, events=(), ready=False))), list[str]()

    @contextmanager
    def lent(*_: object) -> Iterator[None]:
        given.append("lent")
        try:
            yield
        finally:
            given.append("taken back")

    monkeypatch.setattr("playbooks.hub_token.lent", lent)
    monkeypatch.setattr(bootstrap, "watch", lambda *_, **__: signal.raise_signal(number))
    with pytest.raises(KeyboardInterrupt):
        make_ready(BOX)
    assert (given, story.done) == (["lent", "taken back"], ["started"])
