"""Bringing the bundle: only what differs, only the stages it concerns."""

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks import converge
from playbooks.converge import Changes, activate, concerned, differing, parse_probe, probe, stages_of
from playbooks.report import OnBox
from stacks.bundle import File
from stacks.errors import BoxError
from stacks.stages import GRAPH, Stage
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import PretendBox

UNITS, PROGRAMS = "/etc/systemd/system", "/opt/daybox/bin"
COUNT = "cat /var/lib/daybox/stages.jsonl 2>/dev/null | wc -l"


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendBox]:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    with own_sshd(tmp_path / "sshd") as running:
        yield PretendBox(tmp_path / "box", running)


@pytest.fixture
def files(tmp_path: Path) -> list[File]:
    """Three files that are on this machine as declared."""
    declared = [File(str(tmp_path / name), mode, name) for name, mode in [("a b", 0o755), ("c", 0o600), ("d'e", 0o644)]]
    for file in declared:
        Path(file.path).write_text(file.content)
        Path(file.path).chmod(file.mode)
    return declared


def asked(files: list[File]) -> dict[str, set[str]]:
    """What the probe says here."""
    done = subprocess.run(["sh", "-c", probe(file.path for file in files)], capture_output=True, text=True, check=True)
    return parse_probe(done.stdout)


def test_files_as_declared_do_not_differ(files: list[File]) -> None:
    assert differing(files, asked(files)) == []


def test_another_content_differs(files: list[File]) -> None:
    Path(files[1].path).write_text("other")
    assert differing(files, asked(files)) == [files[1]]


def test_another_mode_differs(files: list[File]) -> None:
    Path(files[1].path).chmod(0o644)
    assert differing(files, asked(files)) == [files[1]]


def test_a_missing_file_differs(files: list[File]) -> None:
    Path(files[0].path).unlink()
    assert differing(files, asked(files)) == [files[0]]


def test_a_file_of_an_empty_box_differs() -> None:
    assert differing([File("/x", 0o644, "x")], parse_probe("")) == [File("/x", 0o644, "x")]


@pytest.mark.parametrize(
    ("path", "stages"),
    [
        (f"{PROGRAMS}/docker-engine", ("docker",)),
        (f"{PROGRAMS}/ready", ("ready",)),
        (f"{UNITS}/daybox-weights.service", ("weights",)),
        ("/opt/daybox/compose.yaml", ("vllm",)),
        ("/opt/daybox/facts.json", ("image", "weights", "ready")),
        (f"{PROGRAMS}/watchdog", ()),
        (f"{PROGRAMS}/report", ()),
        (f"{UNITS}/daybox-watchdog.timer", ()),
        (f"{UNITS}/daybox.target", ()),
        ("/opt/daybox/bundle.sha256", ()),
        ("/opt/daybox/seal.nft", ()),
        (f"{PROGRAMS}/seal", ()),
        ("/opt/daybox/webui.yaml", ()),
        (f"{PROGRAMS}/webui", ()),
        (f"{UNITS}/daybox-webui.service", ()),
    ],
)
def test_a_file_belongs_to(path: str, stages: tuple[str, ...]) -> None:
    assert stages_of(path) == stages


@pytest.mark.parametrize("stage", GRAPH, ids=lambda stage: stage.name)
def test_every_stage_hears_of_its_program_and_its_unit(stage: Stage) -> None:
    assert stage.name in concerned([f"{PROGRAMS}/{stage.program}"])
    assert stage.name in concerned([f"{UNITS}/daybox-{stage.name}.service"])


@pytest.mark.parametrize(
    ("paths", "stages"),
    [
        ([], ()),
        ([f"{PROGRAMS}/report"], ()),
        (["/opt/daybox/compose.yaml"], ("vllm", "ready")),
        ([f"{PROGRAMS}/docker-engine"], ("docker", "image", "vllm", "ready")),
        ([f"{PROGRAMS}/weights", f"{PROGRAMS}/driver"], ("driver", "weights", "vllm", "ready")),
    ],
)
def test_a_change_concerns_what_comes_after_it(paths: list[str], stages: tuple[str, ...]) -> None:
    assert concerned(paths) == stages


def test_a_file_that_no_stage_reads_starts_nothing() -> None:
    assert activate(Changes((f"{PROGRAMS}/report",))) == COUNT


def test_a_changed_unit_is_read_again() -> None:
    assert activate(Changes((f"{UNITS}/daybox-seal.service",))) == f"systemctl daemon-reload; {COUNT}"


WEBUI_PATHS = ("/opt/daybox/webui.yaml", f"{PROGRAMS}/webui", f"{UNITS}/daybox-webui.service")


@pytest.mark.parametrize("paths", [*((path,) for path in WEBUI_PATHS), WEBUI_PATHS])
def test_a_changed_open_webui_is_started_once_and_no_stage_with_it(paths: tuple[str, ...]) -> None:
    words = activate(Changes(paths, concerned(paths)))
    assert words.removeprefix("systemctl daemon-reload; ") == f"{converge.START_WEBUI}; {COUNT}"


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A systemctl and a docker that note what they are asked."""
    for name in ("systemctl", "docker"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/calls\n')
        (tmp_path / name).chmod(0o755)
    (tmp_path / "calls").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("wants", "unit", "calls"),
    [
        ("daybox-vllm.service", True, ["systemctl stop daybox-webui.service", "docker rm --force open-webui"]),
        ("daybox-vllm.service daybox-webui.service", True, []),
        ("daybox-vllm.service", False, []),
    ],
    ids=["not any more", "still", "never"],
)
def test_an_open_webui_that_the_stack_does_not_ask_for_any_more_is_ended(
    commands: Path, wants: str, unit: bool, calls: list[str]
) -> None:
    units = commands / "units"
    units.mkdir()
    (units / "daybox.target").write_text(f"[Unit]\nWants={wants}\n")
    if unit:
        (units / "daybox-webui.service").touch()
    script = converge.END_WEBUI.replace(UNITS, str(units))
    subprocess.run(["sh", "-ec", script], env={"PATH": f"{commands}:/usr/bin:/bin"}, check=True)
    assert (commands / "calls").read_text().splitlines() == calls
    assert (units / "daybox-webui.service").exists() == (unit and not calls)


@pytest.mark.parametrize("path", ["/opt/daybox/seal.nft", "/opt/daybox/bin/seal"])
def test_a_changed_seal_is_reloaded_and_never_taken_away(path: str) -> None:
    words = activate(Changes((path,)))
    assert words == f"systemctl reload-or-restart daybox-seal.service; {COUNT}"


def test_a_changed_timer_begins_to_count_anew() -> None:
    words = activate(Changes((f"{UNITS}/daybox-watchdog.timer",)))
    assert words == f"systemctl daemon-reload; systemctl restart daybox-watchdog.timer; {COUNT}"


def test_stages_are_cut_short_before_the_events_are_counted_and_the_graph_goes_on() -> None:
    """What is cut short writes an end that is no failure of the run that follows."""
    words = activate(Changes(("/opt/daybox/compose.yaml",), ("vllm", "ready")))
    assert words == (
        "systemctl stop daybox-vllm.service daybox-ready.service; "
        f"{COUNT}; systemctl enable --quiet daybox.target; {converge.START}"
    )


@pytest.mark.parametrize("words", [activate(Changes(("/opt/daybox/compose.yaml",), ("vllm",))), probe(["/a"])])
def test_a_shell_can_read(words: str) -> None:
    subprocess.run(["sh", "-n", "-c", words], check=True)


@pytest.mark.parametrize(
    ("job", "failed", "started"),
    [
        ("", "", True),
        ("daybox-image.service", "", False),
        ("daybox-image.service", "daybox-driver.service", True),
        ("daybox-watchdog.service", "", True),
        ("daybox-image.service", "daybox-watchdog.service", False),
    ],
    ids=[
        *("nothing runs", "the graph runs", "the graph runs and a stage has failed"),
        *("only the watchdog looks", "the graph runs and the watchdog has failed"),
    ],
)
def test_the_graph_is_started_if(job: str, failed: str, started: bool, tmp_path: Path) -> None:
    """Asked of a systemctl that names its job, or failed unit, if it is asked for it, by name or by pattern."""
    systemctl = tmp_path / "systemctl"
    named = "for asked; do case '{0}' in $asked) echo '{0}';; esac; done"
    answers = f"case $1 in list-jobs) {named.format(job)};; list-units) {named.format(failed)};; esac"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/said\n{answers}\n')
    systemctl.chmod(0o755)
    subprocess.run(["sh", "-ec", converge.GO_ON], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert ("start --no-block daybox.target" in (tmp_path / "said").read_text().splitlines()) is started


def test_a_box_is_asked_over_ssh(box: PretendBox, files: list[File]) -> None:
    Path(files[2].path).write_text("other")
    assert converge.differences(box.target(), files) == [files[2]]


def test_a_failure_on_the_box_is_an_error_with_its_last_words(box: PretendBox) -> None:
    with pytest.raises(BoxError, match="could not be put in place: no space left"):
        converge.counted(box.target(), "echo first >&2; echo no space left >&2; exit 1")


def test_the_number_of_events_is_what_the_box_says_last(box: PretendBox) -> None:
    assert converge.counted(box.target(), "echo noise; echo 7") == 7


def test_the_count_of_a_box_without_events_is_nought(tmp_path: Path) -> None:
    words = converge.count_events(OnBox(tmp_path))  # type: ignore[arg-type]
    assert subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=True).stdout.strip() == "0"


def test_hash_and_mode_are_read_as_the_box_prints_them() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    assert parse_probe(f"{digest}  /a b\n755 /a b\n") == {"/a b": {digest, "755"}}
