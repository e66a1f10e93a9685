"""The runner: each stage's start, end, outcome and word, whatever becomes of its program."""

import signal
import subprocess

import pytest

from tests.templates.conftest import OnBox

SAYS = '#!/bin/sh\necho "@word 3 files"\necho noise\necho "@bytes 42"\n'


def test_a_stage_leaves_its_start_and_its_end_with_word_bytes_and_boot(onbox: OnBox) -> None:
    onbox.install("weights", SAYS)
    assert onbox.run("stage", "weights").returncode == 0
    start, end = onbox.events()
    assert (start["stage"], start["event"], end["event"]) == ("weights", "start", "end")
    assert (end["outcome"], end["word"], end["bytes"]) == ("done", "3 files", 42)
    assert start["boot"] == end["boot"] and 0 <= end["at"] - start["at"] < 10


def test_a_stage_may_have_a_program_of_another_name(onbox: OnBox) -> None:
    onbox.install("docker-engine", SAYS)
    onbox.run("stage", "docker", "docker-engine")
    assert {event["stage"] for event in onbox.events()} == {"docker"}


@pytest.mark.parametrize("outcome", ["already", "passed"])
def test_a_program_says_itself_that_nothing_was_to_be_done(onbox: OnBox, outcome: str) -> None:
    onbox.install("image", f"#!/bin/sh\necho '@outcome {outcome}'\n")
    onbox.run("stage", "image")
    assert onbox.events()[-1]["outcome"] == outcome


def test_what_a_program_says_otherwise_goes_to_the_journal_and_is_the_word_if_it_has_no_better(onbox: OnBox) -> None:
    onbox.install("image", "#!/bin/sh\necho plain\n")
    assert onbox.run("stage", "image").stdout == "plain\n"
    assert onbox.events()[-1]["word"] == "plain"


def test_a_failing_stage_has_its_last_lines_as_word_and_hands_its_exit_status_on(onbox: OnBox) -> None:
    onbox.install("image", "#!/bin/sh\necho '@word working'\nfor n in 1 2 3 4 5 6; do echo line $n >&2; done\nexit 7\n")
    assert onbox.run("stage", "image").returncode == 7
    end = onbox.events()[-1]
    assert (end["outcome"], end["word"]) == ("failed", "line 3 | line 4 | line 5 | line 6")


def test_a_silent_failure_still_has_a_word(onbox: OnBox) -> None:
    onbox.install("image", "#!/bin/sh\nexit 3\n")
    onbox.run("stage", "image")
    assert onbox.events()[-1]["word"] == "exit status 3"


def stopped(onbox: OnBox, system: str) -> list[str]:
    """The events of a stage that is told to stop while the system is in that state."""
    onbox.command("systemctl", f"echo {system}; exit 1")
    onbox.install("image", "#!/bin/sh\necho begun\nexec sleep 30\n")
    words = [str(onbox.install("stage")), "image"]
    runner = subprocess.Popen(words, env=onbox.full_environment(), stdout=subprocess.PIPE, start_new_session=True)
    assert runner.stdout and runner.stdout.readline() == b"begun\n"
    runner.send_signal(signal.SIGTERM)
    runner.wait(10)
    subprocess.run(["kill", "-9", "--", f"-{runner.pid}"], check=False)  # as systemd ends what is left of the unit
    return [event.get("outcome", event["event"]) for event in onbox.events()]


def test_a_stage_stopped_by_its_time_limit_has_failed(onbox: OnBox) -> None:
    assert stopped(onbox, "running") == ["start", "failed"]


def test_a_stage_cut_off_by_a_reboot_has_not_failed(onbox: OnBox) -> None:
    assert stopped(onbox, "stopping") == ["start"]


def test_stages_side_by_side_never_tear_each_others_lines(onbox: OnBox) -> None:
    onbox.install("image", f"#!/bin/sh\necho '@word {'x' * 3000}'\n")
    words = [str(onbox.install("stage")), "image"]
    runners = [subprocess.Popen(words, env=onbox.full_environment()) for _ in range(6)]
    assert [runner.wait(20) for runner in runners] == [0] * 6
    assert len(onbox.events()) == 12


def test_a_full_disk_is_named_with_what_is_free(onbox: OnBox) -> None:
    # os.statvfs is what disk_usage asks; a disk of our own would need root.
    fake = "import shutil\nshutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**9, 10**9, 5 << 20)\n"
    onbox.install("image", "#!/bin/sh\necho no space left\nexit 1\n")
    first, _, rest = onbox.install("stage").read_text().partition("\n")
    onbox.install("stage-on-full-disk", f"{first}\n{fake}{rest}")
    subprocess.run(
        [onbox.root / "opt/daybox/bin/stage-on-full-disk", "image"], env=onbox.full_environment(), check=False
    )
    word = onbox.events()[-1]["word"]
    assert word == f"the disk of {onbox.root}/var/lib/daybox is full, 5 MiB free: no space left"


def test_a_disk_that_takes_no_event_leaves_it_to_the_journal(onbox: OnBox) -> None:
    onbox.path("var/lib/daybox/stages.jsonl/folder").mkdir(parents=True)  # so that no line can be appended
    onbox.install("image", "#!/bin/sh\nexit 1\n")
    done = onbox.run("stage", "image")
    assert done.returncode == 1
    assert '"outcome": "failed"' in done.stdout


def test_the_last_stage_waits_for_its_program_which_arming_brings(onbox: OnBox) -> None:
    """User-data has no room for it; without arming the box is deleted anyway."""
    words = [str(onbox.install("stage")), "ready"]
    runner = subprocess.Popen(words, env=onbox.full_environment(), stdout=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        runner.wait(1)
    late = onbox.install("late", SAYS)
    late.rename(late.with_name("ready"))
    assert runner.wait(20) == 0
    assert onbox.events()[-1]["word"] == "3 files"
