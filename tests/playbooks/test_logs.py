"""logs: which words fetch which log."""

import json
import subprocess
from pathlib import Path

import pytest

from playbooks import logs
from playbooks.logs import SUBJECTS, all_words, log_command, print_words
from playbooks.words import Word, keep
from stacks.box import Box
from stacks.errors import BoxError, UsageError
from stacks.ssh import REACH_HINT, Target
from tests.playbooks.pretend_box import BOX

GRAPH_NAMES = ("driver", "docker", "image", "volume", "weights", "vllm", "ready")
STAGES = " ".join(f"--unit=daybox-{name}.service" for name in GRAPH_NAMES)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("vllm", "docker logs --tail 200 vllm 2>&1"),
        ("architect", "docker logs --tail 200 vllm-architect 2>&1"),
        ("bootstrap", f"journalctl --no-pager --lines=200 {STAGES}"),
        (
            "watchdog",
            "journalctl --no-pager --lines=200 --unit=daybox-watchdog.service --unit=daybox-watchdog.timer",
        ),
    ],
)
def test_the_log_of(of: str, words: str) -> None:
    assert log_command(of) == words


@pytest.mark.parametrize("of", SUBJECTS)
def test_every_log_can_be_followed(of: str) -> None:
    assert "--follow" in log_command(of, follow=True)


@pytest.mark.parametrize("of", SUBJECTS)
def test_a_shell_can_read_the_words_for(of: str) -> None:
    subprocess.run(["sh", "-n", "-c", log_command(of, follow=True)], check=True)


def test_an_unknown_log_is_refused_with_the_choices() -> None:
    with pytest.raises(UsageError) as caught:
        log_command("docker")
    assert (
        caught.value.line() == "fab logs: 'docker' is no log; choose from: vllm, architect, bootstrap, watchdog, words"
    )


WARNING, LAST = Word(60.0, "warn", "soon"), Word(120.0, "delete", "now", "idle")


def test_words_are_told_once_in_the_order_in_which_they_were_said() -> None:
    told = [json.dumps(vars(word)) for word in (WARNING, LAST)]
    assert all_words([LAST], "\n".join(["half a li", *told])) == [WARNING, LAST]


def test_last_words_are_there_when_the_box_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(logs, "box_of", lambda stack: None)
    keep("s", "lease-1", LAST)
    print_words("s")
    print_words("another")
    assert capsys.readouterr().out == "1970-01-01T00:02:00Z delete: now\nanother: nothing was said\n"


def test_a_box_that_does_not_answer_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(_target: Target, _command: str) -> None:
        raise BoxError("box/x: not reached", hint=REACH_HINT)

    def box_of(_stack: str) -> Box:
        return BOX

    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    monkeypatch.setattr(logs, "box_of", box_of)
    monkeypatch.setattr(logs, "run", silent)
    keep("local", "lease-1", LAST)
    print_words("local")
    said = capsys.readouterr()
    assert (said.out, said.err) == (
        "1970-01-01T00:02:00Z delete: now\n",
        "box/x: not reached; what it said while a tunnel was open:\n",
    )
