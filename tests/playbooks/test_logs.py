"""logs: which words fetch which log."""

import subprocess

import pytest

from playbooks.logs import SUBJECTS, log_command
from stacks.errors import UsageError

STAGES = " ".join(f"--unit=daybox-{name}.service" for name in ("driver", "docker", "image", "weights", "vllm", "ready"))


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("vllm", "docker logs --tail 200 vllm 2>&1"),
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
    assert caught.value.line() == "fab logs: 'docker' is no log; choose from: vllm, bootstrap, watchdog"
