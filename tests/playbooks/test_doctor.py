"""`fab doctor` as it is typed: what it refuses, what it prints, how it ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from playbooks import doctor, doctor_look
from playbooks.boxes import ROOT
from playbooks.doctor_box import QUESTIONS
from playbooks.doctor_check import Check, all_answered
from playbooks.doctor_look import Examined, box_checks, judge
from playbooks.doctor_stack import Stack
from stacks.errors import BoxError, ConfigError, LeakError, ModelError, UsageError
from tests.playbooks.given_exam import DAMAGED, HANGS, HEALTHY, KV_TOO_SMALL, exam, silent
from tests.playbooks.pretend_box import BOX
from tests.shipped import settings_of


def fab(*words: str, stdin: bytes = b"", folder: Path = ROOT, **variables: str) -> "subprocess.CompletedProcess[bytes]":
    """As it is typed in a folder, without Pulumi, a stack or a box."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": variables.pop("HOME", "/nonexistent"), **variables}
    argv = [sys.executable, "-m", "fabric", "--search-root", str(ROOT), "doctor", *words]
    return subprocess.run(argv, cwd=folder, env=environment, input=stdin, capture_output=True, check=False)


def test_a_log_of_a_failed_start_is_named_with_cause_and_cure(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    log.write_text(KV_TOO_SMALL)
    done = fab("--log", str(log))
    out = done.stdout.decode()
    assert done.returncode == ModelError.exit_code
    assert (
        out.startswith("kv-too-small: ValueError: To serve at least one request") and "fab switch --context 1920" in out
    )
    assert "  longest_context: 1920\n" in out
    assert done.stderr.decode().startswith(f"{log}: kv-too-small; ")


def test_json_of_a_log_has_four_keys_and_nothing_else(tmp_path: Path) -> None:
    log = tmp_path / "vllm.log"
    log.write_text(DAMAGED)
    done = fab("--log", str(log), "--json")
    assert list(json.loads(done.stdout)) == ["cause", "evidence", "cure", "details"]
    assert done.returncode == ModelError.exit_code


def test_a_healthy_log_from_a_pipe_ends_with_0() -> None:
    done = fab("--log", "-", stdin=HEALTHY.encode())
    assert (done.returncode, done.stdout.startswith(b"healthy: ")) == (0, True)


def test_a_pipe_that_has_a_name_is_read_like_any_other(tmp_path: Path) -> None:
    """As a shell's `<(docker logs vllm)` is one."""
    os.mkfifo(tmp_path / "pipe")
    writing = Thread(target=(tmp_path / "pipe").write_text, args=[HEALTHY], daemon=True)
    writing.start()
    done = fab("--log", str(tmp_path / "pipe"))
    assert (done.returncode, done.stdout.startswith(b"healthy: ")) == (0, True)


@pytest.mark.parametrize("stdin", [b"", b"\x00\xff\x1b[2J" * 100_000], ids=["empty", "binary"])
def test_what_is_no_log_is_unknown_and_shows_nothing_that_a_terminal_obeys(stdin: bytes) -> None:
    done = fab("--log", "-", "--json", stdin=stdin)
    assert (done.returncode, json.loads(done.stdout)["cause"]) == (ModelError.exit_code, "unknown")
    assert b"\x1b" not in done.stdout + done.stderr


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    missing = fab("--log", str(tmp_path / "none.log"))
    folder = fab("--log", str(tmp_path))
    assert missing.returncode == folder.returncode == UsageError.exit_code
    assert b"No such file or directory" in missing.stderr and b"Is a directory" in folder.stderr


@pytest.mark.parametrize("words", [("--log", "x", "--fix"), ("--log", "x", "--yes"), ("--yes",)])
def test_flags_that_contradict_each_other_are_refused(words: tuple[str, ...]) -> None:
    assert fab(*words).returncode == UsageError.exit_code


def test_without_pulumi_stack_or_terminal_the_laptop_is_examined_all_the_same(tmp_path: Path) -> None:
    done = fab("--json", DAYBOX_STATE=str(tmp_path / "state"), HOME=str(tmp_path))
    told = json.loads(done.stdout)
    states = {row["name"]: row["state"] for row in told["checks"]}
    assert done.returncode == ConfigError.exit_code
    assert (told["stack"], told["diagnosis"]) == (None, None)
    assert (states["laptop/pulumi"], states["laptop/libraries"], states["stack/box"]) == ("wrong", "ok", "unknown")
    assert not [row for row in told["checks"] if "this check broke" in row["fact"]]


def test_for_people_what_is_wrong_comes_first_and_each_has_its_cure(tmp_path: Path) -> None:
    done = fab(DAYBOX_STATE=str(tmp_path / "state"), HOME=str(tmp_path))
    lines = done.stdout.decode().splitlines()
    assert lines[0].split() == ["STATE", "CHECK", "FACT,", "->", "CURE"]
    assert lines[1].split()[:2] == ["WRONG", "laptop/pulumi"]
    assert lines[2].strip() == "-> source scripts/env"
    assert lines[-1].endswith("not-applicable")
    assert done.stderr.decode().startswith("fab doctor: ")


@pytest.mark.parametrize(("folder", "status"), [("plain", ConfigError.exit_code), ('qu"ote', LeakError.exit_code)])
def test_what_would_win_over_daybox_ends_with_8_whatever_else_is_wrong(
    tmp_path: Path, folder: str, status: int
) -> None:
    """opencode takes the name of a folder for configuration, whoever starts it."""
    program, repository = tmp_path / "bin/opencode", tmp_path / folder
    for place in (program.parent, repository):
        place.mkdir()
    program.write_text("#!/bin/sh\necho 1.18.33\n")
    program.chmod(0o755)
    path, state = f"{program.parent}:/usr/bin:/bin", str(tmp_path / "state")
    done = fab("--json", folder=repository, DAYBOX_STATE=state, HOME=str(tmp_path), PATH=path)
    row = next(row for row in json.loads(done.stdout)["checks"] if row["name"] == "client/opencode")
    assert done.returncode == status
    assert (row["state"] == "wrong") == (status == LeakError.exit_code)
    assert [one["effect"] for one in row.get("conflicts", [])] == (["not started"] if status == 8 else [])


def checked(*kinds: Any) -> list[Check]:
    return [Check(f"box/{index}", "wrong", "x", "y", kind) for index, kind in enumerate(kinds)]


def test_nothing_wrong_is_no_error() -> None:
    judge(Examined("local", [Check("box/gpu", "unknown", "x", "", BoxError)], None))


def test_what_is_wrong_is_counted_named_and_ends_with_the_gravest() -> None:
    with pytest.raises(ModelError) as caught:
        judge(Examined("local", checked(ConfigError, ModelError), None))
    assert caught.value.line() == "fab doctor: 2 wrong: box/0, box/1; see the cure of each above"


def test_where_a_safe_cure_is_known_it_is_offered(tmp_path: Path) -> None:
    told = silent(KV_TOO_SMALL, settings=settings_of("local", tmp_path))
    with pytest.raises(ModelError) as caught:
        judge(Examined("local", checked(ModelError), told))
    assert caught.value.hint == "`fab doctor --fix` cures what it safely can"


def test_a_box_that_is_not_reached_leaves_the_rest_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreached(*_: object) -> None:
        raise BoxError("box/daybox-7: not reached", hint="see `fab status`")

    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(doctor_look, "examine", unreached)
    stack = Stack("local")
    stack.__dict__["settings"] = None
    (first, *others), told = box_checks(stack, BOX)
    assert (first.name, first.state, first.fact) == ("box/ssh", "wrong", "box/daybox-7: not reached")
    assert {check.state for check in others} == {"unknown"} and told is None


def test_a_model_that_answers_is_not_cured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(doctor_look, "look", lambda _: Examined("local", [], exam()))
    doctor.examine_and_fix("local", fix=True, consent=True, json=True)
    said = capsys.readouterr()
    assert "the model answers" in said.err
    assert json.loads(said.out) | {"diagnosis": None} == {"stack": "local", "checks": [], "diagnosis": None}


def test_after_a_cure_everything_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    looks = [Examined("local", checked(ModelError), silent(KV_TOO_SMALL)), Examined("local", [], exam())]
    cured: list[object] = []
    monkeypatch.setattr(doctor_look, "look", lambda _: looks.pop(0))
    monkeypatch.setattr("playbooks.doctor_fix.fix_box", lambda exam, **how: cured.append(how))
    doctor.examine_and_fix("local", fix=True, consent=True, json=True)
    assert cured == [{"consent": True, "show": False}] and looks == []
    assert json.loads(capsys.readouterr().out)["diagnosis"]["cause"] == "healthy"


def test_an_engine_that_hangs_is_wrong_and_its_cure_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    told = exam(settings=settings_of("local", tmp_path), **HANGS)
    with pytest.raises(ModelError, match="1 wrong: box/completion") as caught:
        judge(Examined("local", all_answered(QUESTIONS, told), told))
    assert caught.value.hint == "`fab doctor --fix` cures what it safely can"


def test_without_consent_json_shows_what_was_found_and_nothing_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = silent(KV_TOO_SMALL, settings=settings_of("local", tmp_path))
    looks = [Examined("local", checked(ModelError), told)]
    monkeypatch.setattr(doctor_look, "look", lambda _: looks.pop(0))
    with pytest.raises(UsageError, match="context 1792"):
        doctor.examine_and_fix("local", fix=True, consent=False, json=True)
    assert json.loads(capsys.readouterr().out)["diagnosis"]["cause"] == "kv-too-small"


def test_if_nothing_helps_json_is_printed_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def in_vain(*_: object, **__: object) -> None:
        raise ModelError("box/vllm: kv-too-small; not cured by context", hint="x")

    monkeypatch.setattr(doctor_look, "look", lambda _: Examined("local", checked(ModelError), silent(KV_TOO_SMALL)))
    monkeypatch.setattr("playbooks.doctor_fix.fix_box", in_vain)
    with pytest.raises(ModelError, match="not cured by context"):
        doctor.examine_and_fix("local", fix=True, consent=True, json=True)
    assert json.loads(capsys.readouterr().out)["diagnosis"]["cause"] == "kv-too-small"
