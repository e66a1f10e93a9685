"""The Hub's token goes to a box whose weights wait for one, and to no other; it is in memory, and taken back."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from playbooks.hub_token import FILE, REFUSED, lent, refusal
from playbooks.report import Report, WatchdogReport
from playbooks.stages import Event
from stacks.errors import ModelError
from stacks.ssh import Target, run
from templates import program
from tests.leaks import command_lines, holds
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOOT, NEXT_BOOT, PretendBox, began, ended, whole_run

TOKEN = "hf_a_token_of_the_hub_that_is_planted"
WORD = f"some/model {REFUSED} (HTTP 401)"
GATED = [began("weights", 1), ended("weights", 2, "failed", WORD)]


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running)


def report(*events: Event) -> Report:
    return Report(BOOT, "", events, WatchdogReport(True, None, None, ""), ready=False)


@pytest.mark.parametrize(
    ("events", "word"),
    [
        (GATED, WORD),
        ([], ""),
        (whole_run(), ""),
        ([began("weights", 1), ended("weights", 2, "failed", "the disk is full")], ""),
        ([*GATED, began("weights", 3)], ""),
        ([began("weights", 1, NEXT_BOOT), ended("weights", 2, "failed", WORD, NEXT_BOOT)], ""),
    ],
    ids=["refused", "nothing yet", "all well", "another cause", "begun again", "of another boot"],
)
def test_what_the_hub_refused(events: list[Event], word: str) -> None:
    assert refusal(events, BOOT) == word


def test_a_box_that_waits_for_a_token_has_it_as_long_as_it_is_made_ready(
    box: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", f"command: echo {TOKEN}")
    file = tmp_path / "run/daybox/hub-token"
    with lent(box.target(), report(*GATED), file=str(file)):
        assert (file.read_text(), file.stat().st_mode & 0o777) == (f"{TOKEN}\n", 0o600)
    assert list(file.parent.iterdir()) == []
    said = capsys.readouterr()
    assert TOKEN not in said.out + said.err and "trying again with your token of the Hub" in said.err


def test_it_is_taken_back_also_after_ctrl_c(box: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    file = tmp_path / "hub-token"
    with pytest.raises(KeyboardInterrupt), lent(box.target(), report(*GATED), file=str(file)):
        assert file.exists()
        raise KeyboardInterrupt
    assert not file.exists()


def test_it_is_taken_back_after_ctrl_c_while_it_is_brought(
    box: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    file = tmp_path / "hub-token"

    def brought_and_interrupted(target: Target, command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        done = run(target, command, **options)
        if "cat >" in command:
            assert file.exists()
            raise KeyboardInterrupt
        return done

    monkeypatch.setattr("playbooks.hub_token.run", brought_and_interrupted)
    with pytest.raises(KeyboardInterrupt), lent(box.target(), report(*GATED), file=str(file)):
        pytest.fail("it went on")
    assert not file.exists()


def test_where_it_could_not_be_taken_back_that_is_said(
    box: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("playbooks.hub_token.take_back", lambda file: "exit 1")
    file = tmp_path / "hub-token"
    with lent(box.target(), report(*GATED), file=str(file)):
        pass
    assert f"may still be in its memory: fab ssh, then: rm {file}" in capsys.readouterr().err


def test_it_travels_on_no_command_line(box: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr(
        "playbooks.hub_token.bring", "sleep 0.2; tr '\\0' ' ' </proc/$$/cmdline >{0}.told; cat >{0}".format
    )
    file = tmp_path / "hub-token"
    with command_lines() as lines, lent(box.target(), report(*GATED), file=str(file)):
        assert file.read_text() == f"{TOKEN}\n"
    assert not any(holds(line, [TOKEN]) for line in lines)
    assert any(b"hub-token.told" in line for line in lines), "that command was not even looked at"


@pytest.mark.parametrize("given", [report(), None, replace(report(*whole_run()), ready=True)])
def test_no_other_box_gets_it_and_nobody_is_asked_for_it(
    box: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Report | None
) -> None:
    monkeypatch.setenv("HF_TOKEN", f"command: touch {tmp_path}/asked")
    with lent(box.target(), given, file=str(tmp_path / "hub-token")):
        assert not (tmp_path / "hub-token").exists()
    assert not (tmp_path / "asked").exists()


def test_without_a_token_it_is_said_at_once_what_to_set(box: PretendBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ModelError) as caught, lent(box.target(), report(*GATED)):
        pytest.fail("it went on")
    assert caught.value.line() == (
        f"box/weights: {WORD}; accept its licence on its page, set HF_TOKEN to a token of the account that did, then:"
        " fab bootstrap"
    )


def test_the_download_reads_it_there_and_says_those_words() -> None:
    text = program("download")
    assert f'ROOT / "{FILE.removeprefix("/")}"' in text and REFUSED in text
