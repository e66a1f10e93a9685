"""What a bundle would bring, said before it is brought; and what is brought to a box that serves without consent."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks import difference as module
from playbooks.difference import Difference, agreed, changed_lines, difference, left_word, reason, touches_vllm
from stacks.bundle import Bundle, File
from stacks.stages import GRAPH, Stage, unit
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import PretendBox

COMPOSE = File("/opt/daybox/compose.yaml", 0o644, "a: 1\nb: 3\n")
REPORT = File("/opt/daybox/bin/report", 0o755, "")
READY = File("/opt/daybox/bin/ready", 0o755, "")
WEIGHTS = File("/opt/daybox/bin/weights", 0o755, "")
STAMP = File("/opt/daybox/bundle.sha256", 0o644, "")


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running)


@pytest.mark.parametrize(
    ("files", "fate"),
    [((), "stays"), ((REPORT, STAMP, READY), "stays"), ((COMPOSE, REPORT), "restarts"), ((WEIGHTS,), "may restart")],
    ids=["nothing", "none that vLLM depends on", "its container", "a stage before it"],
)
def test_vllm(files: tuple[File, ...], fate: str) -> None:
    assert Difference(files, serves=True).vllm == fate


@pytest.mark.parametrize("stage", GRAPH, ids=lambda stage: stage.name)
def test_every_stage_but_the_last_comes_before_vllm_or_is_it(stage: Stage) -> None:
    assert touches_vllm(f"/etc/systemd/system/{unit(stage.name)}") is (stage.name != "ready")


def test_what_stops_no_vllm_is_the_rest_and_a_stamp_that_is_no_bundles() -> None:
    """It comes first: a box that lost its connection in between must not look like one that has a whole bundle."""
    found = Difference((COMPOSE, REPORT, READY, WEIGHTS, STAMP), serves=True)
    assert found.without_vllm() == Difference((replace(STAMP, content="partly\n"), REPORT, READY), serves=True)
    assert found.without_vllm().stages == ("ready",)


@pytest.mark.parametrize("left", [True, False])
def test_new_rules_of_the_seal_do_not_come_without_the_stages_that_they_let_out(left: bool) -> None:
    """Else a stage of before could fetch nothing any more."""
    seal = File("/opt/daybox/seal.nft", 0o644, "")
    stage = File(f"/etc/systemd/system/{unit('weights')}", 0o644, "")
    found = Difference((*([stage] if left else []), COMPOSE, seal, REPORT), serves=True)
    assert (seal in found.without_vllm().files) is not left


def test_where_nothing_is_brought_the_stamp_stays_true() -> None:
    assert Difference((COMPOSE, STAMP), serves=True).without_vllm() == Difference((), serves=True)


def test_only_a_box_that_serves_needs_consent() -> None:
    assert not Difference((COMPOSE,), serves=False).needs_consent
    assert not Difference((REPORT, STAMP), serves=True).needs_consent
    assert Difference((COMPOSE,), serves=True).needs_consent


def test_a_difference_is_the_lines_that_differ() -> None:
    assert changed_lines("a: 1\nb: 2\n", COMPOSE) == ["-b: 2", "+b: 3"]


def test_no_line_of_the_boxs_own_hides_another() -> None:
    """It is read before consent is given."""
    assert changed_lines("a: 1\nb: 2\x1b[1A\x1b[2K\n", COMPOSE) == ["-b: 2 [1A [2K", "+b: 3"]


def test_facts_are_compared_fact_by_fact() -> None:
    file = File("/opt/daybox/facts.json", 0o644, '{"hub": "h", "model": "new"}\n')
    assert changed_lines('{"model": "old", "hub": "h"}', file) == ['- "model": "old"', '+ "model": "new"']


def test_facts_that_are_cut_short_on_the_box_are_shown_as_they_are() -> None:
    assert changed_lines('{"hub', File("/opt/daybox/facts.json", 0o644, "{}"))[0] == '-{"hub'


def test_programs_read_all_of_it() -> None:
    row = Difference((COMPOSE, WEIGHTS, STAMP), serves=True, diff=("-b: 2", "+b: 3")).row("s")
    assert json.loads(json.dumps(row)) == {
        "stack": "s",
        "same": False,
        "serves": True,
        "files": ["/opt/daybox/compose.yaml", "/opt/daybox/bin/weights", "/opt/daybox/bundle.sha256"],
        "stages": ["weights", "vllm", "ready"],
        "vllm": "restarts",
        "why": [
            "/opt/daybox/compose.yaml: its container is made anew",
            "/opt/daybox/bin/weights: what stage weights does is another, and vllm comes after it",
        ],
        "diff": ["-b: 2", "+b: 3"],
    }


def test_people_read_it_in_a_few_lines() -> None:
    assert Difference((COMPOSE, REPORT), serves=True, diff=("-b: 2",)).lines("s") == [
        "s: 2 files differ: /opt/daybox/compose.yaml, /opt/daybox/bin/report",
        "s: would begin again: vllm, ready",
        "s: vLLM restarts",
        "  /opt/daybox/compose.yaml: its container is made anew",
        "  -b: 2",
    ]
    assert Difference((), serves=True).lines("s") == ["s: the box has this checkout's bundle; nothing would be brought"]


def test_of_many_files_people_read_a_few() -> None:
    files = tuple(File(f"/{number}", 0o644, "") for number in range(11))
    assert Difference(files, serves=True).lines("s")[0].endswith("/7 and 3 more")


def test_a_file_of_vllms_own_stage_says_so() -> None:
    assert reason("/opt/daybox/bin/vllm") == (
        "/opt/daybox/bin/vllm: what stage vllm does is another, and vllm comes after it"
    )


@pytest.mark.parametrize(
    ("consent", "terminal", "answer", "may"),
    [
        (True, False, "", True),
        (False, True, "y", False),  # `fab tunnel` asks nobody
        (None, False, "y", False),
        (None, True, "y", True),
        (None, True, "YES", True),
        (None, True, "", False),
    ],
)
def test_consent(monkeypatch: pytest.MonkeyPatch, consent: bool | None, terminal: bool, answer: str, may: bool) -> None:
    monkeypatch.setattr(module, "on_terminal", lambda: terminal)
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    assert agreed(Difference((COMPOSE,), serves=True), "s", consent=consent) is may


def test_what_is_asked_shows_what_would_restart_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def no(question: str) -> str:
        asked.append(question)
        return "no"

    monkeypatch.setattr(module, "on_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", no)
    agreed(Difference((COMPOSE,), serves=True, diff=("-b: 2", "+b: 3")), "s", consent=None)
    assert "s: vLLM restarts\n" in asked[0] and "  -b: 2\n  +b: 3\n" in asked[0]


def test_a_box_is_asked_and_nothing_is_changed_on_it(box: PretendBox, tmp_path: Path) -> None:
    (tmp_path / "same").write_text("same")
    (tmp_path / "same").chmod(0o644)
    (tmp_path / "other").write_text("old")
    files = [File(str(tmp_path / name), 0o644, name) for name in ("same", "other", "missing")]
    found = difference(box.target(), Bundle(tuple(files)), serves=True, diff=True)
    assert set(files[1:]) <= set(found.files) and files[0] not in found.files
    assert (tmp_path / "other").read_text() == "old" and not (tmp_path / "missing").exists()


def test_the_lines_are_the_boxs_own(box: PretendBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "it's.yaml"
    path.write_text("a: 1\nb: 2\n")
    monkeypatch.setattr(module, "READ_BY_VLLM", {str(path): ""})
    found = difference(box.target(), Bundle((File(str(path), 0o644, "a: 1\nb: 3\n"),)), serves=True, diff=True)
    assert found.diff == ("-b: 2", "+b: 3")


def test_what_was_left_is_named_with_the_ways_to_see_and_to_bring_it() -> None:
    assert left_word("s", ["/b", "/a"]) == (
        "s: NOT brought, because vLLM serves and would stop: /a, /b; see it: fab bootstrap --stack s --preview; "
        "bring it: fab bootstrap --stack s --yes"
    )
