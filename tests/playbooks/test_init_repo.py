"""`fab init-repo` writes one file, once, and touches nothing that is there."""

import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from playbooks import init_repo as module
from playbooks import questions
from playbooks.init_repo import few, gitignores, init_repo, look_at, own_bytes, root_of
from playbooks.init_repo_ignore import SECRETS, ignore_text
from stacks.errors import ConfigError

GITIGNORE = "build/\n!.env\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a tracked secret, and files of its own in a folder; we stand in that folder."""
    made = tmp_path / "my project"
    (made / "web/src").mkdir(parents=True)
    files = {".gitignore": GITIGNORE, "web/.gitignore": "/dist\n", ".env": "KEY=1\n", "pytest.ini": "", "a.py": ""}
    for name, text in files.items():
        (made / name).write_text(text)
    for words in (["init", "-q"], ["add", "-A", "-f"]):
        subprocess.run(["git", *words], cwd=made, check=True)
    monkeypatch.chdir(made / "web/src")
    return made


def run(**options: Any) -> None:
    init_repo(Context(), **options)


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of the repository but git's own."""
    files = (file for file in folder.rglob("*") if file.is_file() and ".git" not in file.parts)
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_from_a_folder_below_it_is_written_at_the_root_and_nothing_else_is(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything(root)
    run(yes=True)
    after = everything(root)
    assert after.pop(".aiderignore").decode() == ignore_text([("", GITIGNORE), ("web", "/dist\n")])
    assert after == before
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"{root}/.aiderignore: written; commit it",
        "tracked by git, though by their names they hold secrets: .env",
    ]


def test_the_second_time_changes_nothing_and_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(yes=True)
    before = everything(root)
    capsys.readouterr()
    run(yes=True)
    assert everything(root) == before
    assert capsys.readouterr().out.startswith(f"{root}/.aiderignore: is there, left as it is\n")


@pytest.mark.parametrize("text", ["", "*.pem\n", "\xff no text of ours\r\n"])
def test_a_file_that_is_there_is_left_byte_for_byte_and_what_it_lacks_is_named(
    root: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    own = root / ".aiderignore"
    own.write_bytes(text.encode("latin-1"))
    run(yes=True)
    said = capsys.readouterr().out
    assert own.read_bytes() == text.encode("latin-1")
    assert ("not in it: *.pem" in said) == ("*.pem" not in text)
    assert "  not in it: .env* (a program's variables, its keys among them)\n" in said
    assert "of those, aider shows the model: .env\n" in said


def test_a_link_to_nowhere_is_left_too(root: Path) -> None:
    (root / ".aiderignore").symlink_to("/nowhere/at/all")
    run(yes=True)
    assert os.readlink(root / ".aiderignore") == "/nowhere/at/all"


def test_without_a_terminal_and_without_yes_nothing_is_written(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(Exit, match=r"would write .*\.aiderignore \(\d+ patterns\); .*--yes"):
        run()
    assert not (root / ".aiderignore").exists()


@pytest.mark.parametrize(("answer", "written"), [("y\n", True), ("\n", False), ("", False)])
def test_at_a_terminal_it_asks(root: Path, monkeypatch: pytest.MonkeyPatch, answer: str, written: bool) -> None:
    monkeypatch.setattr(questions, "on_terminal", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    if written:
        run()
    else:
        with pytest.raises(Exit, match="nothing is written"):
            run()
    assert (root / ".aiderignore").exists() == written


@pytest.mark.parametrize("yes", [False, True])
def test_json_says_all_and_writes_with_yes_only(root: Path, capsys: pytest.CaptureFixture[str], yes: bool) -> None:
    run(json=True, yes=yes)
    row = json.loads(capsys.readouterr().out)
    assert row["written"] == yes == (root / ".aiderignore").exists()
    assert (row["root"], row["tracked"], row["aider_words"]) == (str(root), [".env"], ["--test-cmd", "pytest -q"])
    assert row["shown"] == ([] if yes else [".env"])


def test_outside_of_a_repository_it_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Exit, match=f"^{tmp_path}: lies in no git repository; ") as stopped:
        run(yes=True)
    assert stopped.value.code == 2


def test_where_it_cannot_be_written_the_reason_is_said(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone/\.aiderignore: No such file or directory$"):
        module.write_new(root / "gone/.aiderignore", "x")


def test_a_file_that_was_made_meanwhile_is_left(root: Path) -> None:
    (root / ".aiderignore").write_text("mine")
    with pytest.raises(ConfigError, match="was made meanwhile"):
        module.write_new(root / ".aiderignore", "x")
    assert (root / ".aiderignore").read_text() == "mine"


def test_gitignores_that_git_would_not_read_are_not_read(root: Path) -> None:
    """Of a package that was built or installed in there."""
    (root / "build/p").mkdir(parents=True)
    (root / "build/p/.gitignore").write_text("*\n")
    assert [folder for folder, _ in gitignores(root)[0]] == ["", "web"]


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of the user's, outside of the repository, whose file is named so that a link to the folder would do."""
    (tmp_path / "aws").mkdir()
    (tmp_path / "aws/.gitignore").write_text("aws_secret_access_key=hunter2\n")
    return tmp_path / "aws"


def pipe(file: Path, _: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link(file: Path, foreign: Path) -> None:
    file.unlink()
    file.symlink_to(foreign / ".gitignore")


def linked_folder(file: Path, foreign: Path) -> None:
    """The index still has the file."""
    shutil.rmtree(file.parent)
    file.parent.symlink_to(foreign)


def device(file: Path, _: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def long(file: Path, _: Path) -> None:
    file.write_text("hunter2\n" * 2**18)


def loop(file: Path, _: Path) -> None:
    file.unlink()
    file.symlink_to(file)


ODD = [(make, name) for make in (link, device, long, loop) for name in (".gitignore", "web/.gitignore")]


@pytest.mark.parametrize(("make", "name"), [*ODD, (linked_folder, "web/.gitignore")])
def test_no_file_but_the_repositorys_own_is_copied(
    root: Path, foreign: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path, Path], None], name: str
) -> None:
    make(root / name, foreign)
    os.chdir(root)
    run(yes=True)
    text = (root / ".aiderignore").read_text()
    assert "hunter2" not in text and ("/web/dist" in text or "build/" in text)
    assert (
        f"{name}: no file of the repository's own, or more than 1 MiB together; left out\n" in capsys.readouterr().out
    )


def test_a_pipe_is_not_waited_for_where_git_itself_would(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(root / "web/.gitignore", root)
    assert own_bytes(root, "web") is None
    monkeypatch.setattr(module, "GIT_SECONDS", 1)
    with pytest.raises(ConfigError, match="git does not list its files within 1 seconds"):
        look_at(root)


def test_all_that_is_copied_together_is_not_endless(root: Path) -> None:
    for number in range(5):
        (root / f"f{number}").mkdir()
        (root / f"f{number}/.gitignore").write_text("x\n" * 2**17)
    found, unread = gitignores(root)
    assert [folder for folder, _ in found] == ["", "f0", "f1", "f2", "web"]
    assert unread[0].startswith("f3/.gitignore, f4/.gitignore: ")


def test_a_gitignore_that_is_tracked_and_not_there_is_nothing_to_tell(root: Path) -> None:
    (root / "web/.gitignore").unlink()
    assert gitignores(root) == ([("", GITIGNORE)], [])


@pytest.mark.parametrize("make", [pipe, device])
def test_an_aiderignore_that_is_no_file_is_not_waited_for(root: Path, make: Callable[[Path, Path], None]) -> None:
    (root / ".aiderignore").touch()
    make(root / ".aiderignore", root)
    assert len(look_at(root).missing) == len(SECRETS)


@pytest.mark.parametrize("name", ["x\n!*\n", "x\u2028!*"])
def test_a_folders_name_is_no_line_of_its_own(root: Path, name: str) -> None:
    (root / name).mkdir()
    (root / name / ".gitignore").write_text("y\n")
    run(yes=True)
    assert [line for line in (root / ".aiderignore").read_text().splitlines() if line.startswith("!")] == ["!.env"]


def test_a_repository_whose_settings_name_another_folder_is_left(root: Path, tmp_path: Path) -> None:
    """Your home, for one: the file would be written there."""
    subprocess.run(["git", "config", "core.worktree", str(tmp_path / "elsewhere")], cwd=root, check=True)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(
        Exit, match=f"lies in a repository whose files lie elsewhere, in {tmp_path}/elsewhere; cd there"
    ):
        run(yes=True)


def test_what_a_clone_lacks_is_not_fetched_by_a_program_that_the_repository_names(root: Path) -> None:
    """git looks into the index for a .gitignore that is not there; its settings say how to get what it lacks."""
    settings = {
        "core.repositoryformatversion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.url": str(root / "gone"),
        "remote.origin.promisor": "true",
        "remote.origin.uploadpack": f"touch '{root}/ran';",
    }
    for words in (
        ["update-index", "--add", "--cacheinfo", f"100644,{'1' * 40},web/src/.gitignore"],
        ["update-index", "--skip-worktree", "web/src/.gitignore"],
        *(["config", name, value] for name, value in settings.items()),
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / "web/src/a.py").touch()
    look_at(root)
    assert not (root / "ran").exists()


def test_a_program_that_the_repository_names_is_not_run(root: Path) -> None:
    subprocess.run(["git", "config", "core.fsmonitor", f"touch '{root}/ran'"], cwd=root, check=True)
    look_at(root_of(root))
    assert not (root / "ran").exists()


def test_a_work_tree_beside_the_repository_has_its_own_root(root: Path, tmp_path: Path) -> None:
    named = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run(["git", *named, "commit", "-qm", "x"], cwd=root, check=True)
    subprocess.run(["git", "worktree", "add", "-q", str(tmp_path / "second")], cwd=root, check=True)
    assert root_of(tmp_path / "second/web") == tmp_path / "second"


def test_a_folder_whose_name_is_no_text_is_matched_letter_by_letter(root: Path) -> None:
    odd = os.fsencode(root) + b"/f\xff"
    os.mkdir(odd)
    Path(os.fsdecode(odd), ".gitignore").write_text("x\n")
    run(yes=True)
    assert "\n/f?/**/x\n" in (root / ".aiderignore").read_text()


def test_a_name_writes_nothing_to_the_terminal_but_letters(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / ".env\x1b[2J").write_text("")
    subprocess.run(["git", "add", "-f", "."], cwd=root, check=True)
    run(yes=True)
    assert "\x1b" not in capsys.readouterr().out


def test_many_names_are_counted() -> None:
    assert few(["a", "b"]) == "a, b"
    assert few(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_every_pattern_is_one_that_git_takes(root: Path) -> None:
    assert look_at(root).tracked == [".env"]
    assert len(SECRETS) > 30
