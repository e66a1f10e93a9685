"""fab ssh: a shell, or words that arrive as they were typed."""

import subprocess
from collections.abc import Iterator

import pytest

from playbooks.ssh import shell_or_command
from tests.playbooks.own_sshd import own_sshd
from tests.playbooks.pretend_box import BOX, PretendBox


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PretendBox]:
    folder = tmp_path_factory.mktemp("box")
    with own_sshd(folder / "sshd") as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAYBOX_STATE", str(folder / "state"))
        yield PretendBox(folder, running)


def test_without_words_it_is_a_shell_with_our_own_configuration(box: PretendBox) -> None:
    target = box.target()
    assert shell_or_command(target, []) == ["ssh", "-F", str(target.config_file), BOX.alias]


@pytest.mark.parametrize("words", [["echo", "a  b", "it's", "$HOME", ""], ["printf", "%s\n", "--", "-x", '"quoted"']])
def test_words_arrive_as_they_stand(box: PretendBox, words: list[str]) -> None:
    here = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    there = subprocess.run(shell_or_command(box.target(), words), capture_output=True, text=True, check=True).stdout
    assert there == here


def test_a_single_word_is_a_line_for_the_shell(box: PretendBox) -> None:
    words = shell_or_command(box.target(), ["echo one | tr a-z A-Z"])
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "ONE\n"


def test_the_exit_status_of_the_words_is_ours(box: PretendBox) -> None:
    assert subprocess.run(shell_or_command(box.target(), ["sh", "-c", "exit 7"]), check=False).returncode == 7
