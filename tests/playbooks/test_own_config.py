"""`--config` and `--restore`: ours goes into a file of the user's own and out of it, and theirs stays byte for byte."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from playbooks import own_config
from playbooks.boxes import ROOT
from playbooks.clients import CLIENTS, SHOWN
from playbooks.clients.client import Client, OwnFile, Shown, Way
from playbooks.own_config import merge, restore
from playbooks.own_files import replace
from playbooks.own_record import kept_file, key_files, read_record
from stacks.errors import ConfigError
from stacks.places import state_dir
from tests.playbooks.own_texts import json_texts, toml_texts, yaml_texts

CODEX = {
    "model": "S",
    "model_provider": "daybox",
    "model_providers": {"daybox": {"base_url": "http://127.0.0.1:18001/v1", "wire_api": "responses"}},
    "analytics": {"enabled": False},
}
CLAUDE = {"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:18001", "ANTHROPIC_MODEL": "S"}}
LLM = [{"model_id": "daybox", "model_name": "S", "api_base": "http://127.0.0.1:18001/v1"}]
CODEX_TEXT = """\
# mine
model = "gpt-5"  # the best
approval_policy = "never"

[model_providers.other]
base_url = "https://example.com/v1"
"""
CLAUDE_TEXT = """{
  // mine
  "permissions": {"allow": ["Bash(ls)"]},
  "env": {
    "EDITOR": "vi", // yes
  },
}
"""
LLM_TEXT = """\
# mine
- model_id: mine   # yes
  model_name: "gpt-5"
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def toml(values: Mapping[str, Any] = CODEX) -> list[OwnFile]:
    return [OwnFile(".codex/config.toml", "toml", values)]


def jsonc(values: Mapping[str, Any] = CLAUDE) -> list[OwnFile]:
    return [OwnFile(".claude/settings.json", "json", values)]


def yml(values: Any = LLM) -> list[OwnFile]:
    return [OwnFile(".config/llm/extra.yaml", "yaml", values)]


KINDS = [(toml(), CODEX_TEXT), (jsonc(), CLAUDE_TEXT), (yml(), LLM_TEXT)]


def put(home: Path, own: OwnFile, data: bytes | str, mode: int = 0o640) -> Path:
    file = home / own.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    file.chmod(mode)
    return file


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def test_each_format_as_it_looks_afterwards(home: Path) -> None:
    for files, text in KINDS:
        put(home, files[0], text)
        merge("all", files, home)
    assert (
        (home / ".codex/config.toml").read_text()
        == """\
# mine
model = "S"  # the best
approval_policy = "never"
model_provider = "daybox"

[model_providers.other]
base_url = "https://example.com/v1"

[model_providers.daybox]
base_url = "http://127.0.0.1:18001/v1"
wire_api = "responses"

[analytics]
enabled = false
"""
    )
    assert (
        (home / ".claude/settings.json").read_text()
        == """{
  // mine
  "permissions": {"allow": ["Bash(ls)"]},
  "env": {
    "EDITOR": "vi", // yes
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:18001",
    "ANTHROPIC_MODEL": "S",
  },
}
"""
    )
    assert (
        (home / ".config/llm/extra.yaml").read_text()
        == """\
# mine
- model_id: mine   # yes
  model_name: "gpt-5"
- model_id: daybox
  model_name: S
  api_base: http://127.0.0.1:18001/v1
"""
    )


@pytest.mark.parametrize(("files", "text"), KINDS, ids=["toml", "json", "yaml"])
@pytest.mark.parametrize("change", ["plain", "crlf", "mark", "no last line break", "nothing in it"])
def test_the_very_bytes_come_back(home: Path, files: list[OwnFile], text: str, change: str) -> None:
    changes = {"crlf": text.replace("\n", "\r\n"), "mark": "\ufeff" + text, "nothing in it": ""}
    data = changes.get(change, text.rstrip("\n") if change == "no last line break" else text).encode()
    file = put(home, files[0], data)
    merge("x", files, home)
    merged = file.read_bytes()
    assert merged != data and mode(file) == 0o640
    if change == "crlf":
        assert merged.count(b"\n") == merged.count(b"\r\n")
    assert merged.startswith(b"\xef\xbb\xbf") == (change == "mark")
    assert restore("x", home) == [f"{file}: is what it was before"]
    assert (file.read_bytes(), mode(file)) == (data, 0o640)
    assert not kept_file(state_dir() / "own/x", files[0].path).exists()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(json_texts(), toml_texts(), yaml_texts())
def test_the_very_bytes_come_back_of_whatever_there_was(home: Path, one: str, two: str, three: str) -> None:
    files = [*jsonc(), *toml(), OwnFile("x.yaml", "yaml", {"models": LLM, "model": "S"})]
    for own, text in zip(files, (one, two, three), strict=True):
        file = put(home, own, text)
        try:
            merge("any", [own], home)
        except ConfigError as error:
            assert "belongs there" in error.fact
        restore("any", home)
        assert file.read_bytes() == text.encode()


@pytest.mark.parametrize(("files", "text"), KINDS, ids=["toml", "json", "yaml"])
def test_the_second_time_changes_nothing_and_says_so(home: Path, files: list[OwnFile], text: str) -> None:
    file = put(home, files[0], text)
    merge("x", files, home)
    before = file.stat()
    assert merge("x", files, home) == [f"{file}: is as it should be; nothing was changed"]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    restore("x", home)
    assert restore("x", home) == ["fab launch x: nothing of daybox's is in its own configuration"]


def test_another_model_replaces_ours_and_leaves_nothing_of_the_first(home: Path) -> None:
    def provider(model: str, port: int) -> list[OwnFile]:
        return jsonc({"provider": {"daybox": {"url": f"http://127.0.0.1:{port}", "models": {model: {"limit": 1}}}}})

    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", provider("old", 1), home)
    merge("x", provider("new", 2), home)
    assert "old" not in file.read_text() and '"new"' in file.read_text() and ":2" in file.read_text()
    restore("x", home)
    assert file.read_text() == CLAUDE_TEXT


@pytest.mark.parametrize(
    ("files", "text", "edit", "after"),
    [
        (toml(), CODEX_TEXT, ('"never"', '"always"'), CODEX_TEXT.replace('"never"', '"always"')),
        (jsonc(), CLAUDE_TEXT, ('"vi"', '"ed"'), CLAUDE_TEXT.replace('"vi"', '"ed"')),
        (yml(), LLM_TEXT, ("gpt-5", "gpt-6"), LLM_TEXT.replace("gpt-5", "gpt-6")),
    ],
    ids=["toml", "json", "yaml"],
)
def test_what_the_user_changed_since_is_kept_and_what_was_before_ours_comes_back(
    home: Path, files: list[OwnFile], text: str, edit: tuple[str, str], after: str
) -> None:
    file = put(home, files[0], text)
    merge("x", files, home)
    file.write_text(file.read_text().replace(*edit))
    assert merge("x", files, home) == [f"{file}: is as it should be; nothing was changed"]
    assert restore("x", home) == [f"{file}: daybox's values are out of it, what you changed since is kept"]
    assert file.read_text() == after


def test_a_value_of_ours_that_the_user_changed_is_theirs_now(home: Path) -> None:
    file = put(home, toml()[0], CODEX_TEXT)
    merge("x", toml(), home)
    file.write_text(file.read_text().replace('model = "S"', 'model = "theirs"'))
    assert restore("x", home)[0].endswith("is kept; left as you changed it: model")
    assert tomllib.loads(file.read_text()) == tomllib.loads(CODEX_TEXT) | {"model": "theirs"}


def test_what_the_user_put_into_a_table_of_ours_stays(home: Path) -> None:
    file = put(home, jsonc()[0], "{}")
    merge("x", jsonc(), home)
    file.write_text(file.read_text().replace('"ANTHROPIC_MODEL"', '"MINE": "1",\n    "ANTHROPIC_MODEL"'))
    restore("x", home)
    assert json.loads(file.read_text()) == {"env": {"MINE": "1"}}


def test_after_a_change_of_the_users_another_model_goes_in_and_out_beside_it(home: Path) -> None:
    file = put(home, toml()[0], CODEX_TEXT)
    merge("x", toml(), home)
    edited = file.read_text().replace('"never"', '"always"  # now')
    file.write_text(edited)
    merge("x", toml({**CODEX, "model": "T"}), home)
    assert 'model = "T"' in file.read_text() and '"always"  # now' in file.read_text()
    restore("x", home)
    assert file.read_text() == CODEX_TEXT.replace('"never"', '"always"  # now')


def test_a_new_file_is_yours_alone_and_goes_with_its_folders(home: Path) -> None:
    lines = merge("x", yml(), home)
    file = home / ".config/llm/extra.yaml"
    assert lines == [f"{file}: made: the whole file"]
    assert (yaml.safe_load(file.read_text()), mode(file), mode(file.parent)) == (LLM, 0o600, 0o700)
    assert restore("x", home) == [f"{file}: removed, as daybox made it"]
    assert list(home.iterdir()) == []


def test_a_new_file_that_the_user_went_on_with_stays(home: Path) -> None:
    merge("x", yml(), home)
    file = home / ".config/llm/extra.yaml"
    file.write_text("- model_id: mine\n" + file.read_text())
    restore("x", home)
    assert yaml.safe_load(file.read_text()) == [{"model_id": "mine"}]


def test_a_new_file_that_went_back_to_nothing_of_the_users_goes(home: Path) -> None:
    merge("x", jsonc(), home)
    file = home / ".claude/settings.json"
    file.write_text(file.read_text() + "\n\n")
    restore("x", home)
    assert not file.exists()


def test_a_link_stays_a_link_and_what_is_behind_it_is_changed(home: Path) -> None:
    real = put(home, OwnFile("dotfiles/claude.json", "json", {}), CLAUDE_TEXT)
    link = home / ".claude/settings.json"
    link.parent.mkdir()
    link.symlink_to("../dotfiles/claude.json")
    merge("x", jsonc(), home)
    assert link.is_symlink() and "ANTHROPIC_MODEL" in real.read_text() and mode(real) == 0o640
    restore("x", home)
    assert link.is_symlink() and real.read_text() == CLAUDE_TEXT
    assert list(real.parent.iterdir()) == [real]


def test_a_link_that_leads_nowhere_yet_is_filled_and_emptied(home: Path) -> None:
    link = home / ".claude/settings.json"
    link.parent.mkdir()
    link.symlink_to(home / "later.json")
    merge("x", jsonc(), home)
    assert link.is_symlink() and json.loads((home / "later.json").read_text()) == CLAUDE
    restore("x", home)
    assert link.is_symlink() and not (home / "later.json").exists()


BROKEN = [
    (jsonc(), '{"env": {"A": 1,, }}', "line 1, column 17: ',' stands where a key in double quotes should"),
    (jsonc(), "{\n  'env': {}\n}", 'line 2, column 3: "\'" stands where a key in double quotes should'),
    (jsonc(), '{"a": 1, "a": 2}', "line 1, column 10: 'a' stands there twice"),
    (jsonc(), '{"env": "none"}', "env: a mapping belongs there, and a text stands there"),
    (jsonc(), "[]", "the whole file: a mapping belongs there, and a list stands there"),
    (jsonc(), '{"env": {}', "line 1, column 11: the end stands where a comma or } should"),
    (jsonc(), b'{"env": {"A": "\xff"}}', "byte 16 is no UTF-8"),
    (jsonc(), "[" * 100_000, "it is nested too deep"),
    (toml(), 'model = "x\n', "line 1, column 11: Illegal character '\\n'"),
    (toml(), "a = 1\na = 2\n", "line 2, column 6: Cannot overwrite a value"),
    (toml(), 'analytics = "none"\n', "analytics: a mapping belongs there, and a text stands there"),
    (yml(), "- a: [1\n", "line 2, column 1: expected ',' or ']', but got '<stream end>'"),
    (yml(), "- a: \x07\n", "line 1, column 6: unacceptable character #x0007: special characters are not allowed"),
    (yml(), "[" * 100_000, "it is nested too deep"),
    (toml(), "a = " + "[" * 900 + "]" * 900, "it is nested too deep"),
    (yml(), "a: 1\n", "the whole file: a list belongs there, and a mapping stands there"),
    (yml(), "- a: 1\n  a: 2\n", "line 2, column 3: 'a' stands there twice"),
    (yml(), "---\n[]\n---\n[]\n", "line 3, column 1: a second document begins there"),
]


@pytest.mark.parametrize(("files", "text", "fact"), BROKEN)
def test_a_broken_file_is_left_as_it_is_and_named(
    home: Path, files: list[OwnFile], text: str | bytes, fact: str
) -> None:
    file = put(home, files[0], text)
    before = file.read_bytes()
    with pytest.raises(ConfigError) as caught:
        merge("x", files, home)
    assert caught.value.fact == f"{file}: {fact}; nothing was written"
    assert caught.value.hint.startswith("mend it, or move it away; it must be ")
    assert file.read_bytes() == before and list(file.parent.iterdir()) == [file]
    assert restore("x", home) == ["fab launch x: nothing of daybox's is in its own configuration"]


def test_one_broken_file_keeps_the_others_from_being_written_and_all_are_named(home: Path) -> None:
    good, first = put(home, yml()[0], LLM_TEXT), put(home, jsonc()[0], "{")
    second = put(home, toml()[0], "=")
    with pytest.raises(ConfigError) as caught:
        merge("x", [*yml(), *jsonc(), *toml()], home)
    assert str(first) in caught.value.fact and str(second) in caught.value.fact
    assert good.read_text() == LLM_TEXT


def test_a_file_that_the_user_broke_since_is_not_touched_and_can_be_restored_once_mended(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    merged = file.read_text()
    file.write_text("{" + merged)
    with pytest.raises(ConfigError):
        restore("x", home)
    assert file.read_text() == "{" + merged
    file.write_text(merged)
    restore("x", home)
    assert file.read_text() == CLAUDE_TEXT


def test_a_shared_value_of_yaml_is_not_changed_behind_its_other_place(home: Path) -> None:
    own = OwnFile("x.yaml", "yaml", {"second": {"model": "S"}})
    file = put(home, own, "first: &shared\n  model: a\nsecond: *shared\n")
    with pytest.raises(ConfigError, match="second is shared with another place of the file"):
        merge("x", [own], home)
    assert file.read_text() == "first: &shared\n  model: a\nsecond: *shared\n"


@pytest.mark.parametrize("what", ["folder", "loop", "pipe", "below a file"])
def test_what_is_no_file_is_named(home: Path, what: str) -> None:
    file = home / ".claude/settings.json"
    if what == "below a file":
        (home / ".claude").write_text("")
    else:
        file.parent.mkdir()
        make: dict[str, Callable[[], object]] = {"folder": file.mkdir, "pipe": lambda: os.mkfifo(file)}
        make.get(what, lambda: file.symlink_to(file))()
    with pytest.raises(ConfigError) as caught:
        merge("x", jsonc(), home)
    assert caught.value.fact.startswith(f"{file}: ") and "nothing was written" in caught.value.fact


def test_a_file_that_is_gone_is_let_go_and_what_it_was_is_named(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    file.unlink()
    kept = kept_file(state_dir() / "own/x", ".claude/settings.json")
    assert restore("x", home) == [f"{file}: is gone; as it was it is still in {kept}"]
    assert (kept.read_text(), mode(kept)) == (CLAUDE_TEXT, 0o640)
    merge("x", jsonc(), home)
    assert restore("x", home) == [f"{file}: removed, as daybox made it"]


@pytest.mark.parametrize("models", ["T", "TU"], ids=["once", "and once more"])
def test_a_file_that_is_gone_when_ours_goes_in_again_comes_back_whole(home: Path, models: str) -> None:
    """Of a save that failed, or a manager of dotfiles: `fab switch` merges by itself, and nobody is asked."""
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    file.unlink()
    kept = kept_file(state_dir() / "own/x", ".claude/settings.json")
    lines = [merge("x", jsonc({"env": {"ANTHROPIC_MODEL": model}}), home) for model in models]
    assert lines[0] == [f"{file}: made: the whole file; it was gone, and as it was before it is kept in {kept}"]
    assert "permissions" not in file.read_text()  # what was removed is not brought back before somebody asks for it
    assert restore("x", home) == [f"{file}: is what it was before"]
    assert (file.read_text(), mode(file), kept.exists()) == (CLAUDE_TEXT, 0o640, False)


def test_a_file_that_was_gone_and_that_the_user_went_on_with_stays_and_what_it_was_is_named(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    file.unlink()
    merge("x", jsonc({"env": {"ANTHROPIC_MODEL": "T"}}), home)
    file.write_text("// new\n" + file.read_text())
    kept = kept_file(state_dir() / "own/x", ".claude/settings.json")
    assert restore("x", home)[0].endswith(f"; as it was before it was gone it is still in {kept}")
    assert (file.read_text().startswith("// new"), kept.read_text()) == (True, CLAUDE_TEXT)


def test_nothing_that_is_kept_is_written_over_by_a_file_that_did_not_come_of_it(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    file.unlink()
    merge("x", jsonc({"env": {"ANTHROPIC_MODEL": "T"}}), home)
    file.write_text("// new\n" + file.read_text())
    older = kept_file(state_dir() / "own/x", ".claude/settings.json.older-1")
    assert merge("x", jsonc({"env": {"ANTHROPIC_MODEL": "U"}}), home)[0].endswith(f"; an older one is in {older}")
    restore("x", home)
    assert (file.read_text().startswith("// new"), older.read_text()) == (True, CLAUDE_TEXT)


@pytest.mark.parametrize("theirs", ["", '{"theirs": 1}\n'], ids=["none", "another"])
def test_what_is_kept_of_a_file_that_was_let_go_outlives_the_next_merge(home: Path, theirs: str) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    file.unlink()
    restore("x", home)
    if theirs:
        file.write_text(theirs)
    older = kept_file(state_dir() / "own/x", ".claude/settings.json.older-1")
    assert merge("x", jsonc(), home)[0].endswith(f"; an older one is in {older}")
    restore("x", home)
    assert (file.read_text() if file.exists() else "", older.read_text()) == (theirs, CLAUDE_TEXT)


def test_without_what_was_kept_a_file_that_was_gone_is_removed_again(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    file.unlink()
    merge("x", jsonc({"env": {"ANTHROPIC_MODEL": "T"}}), home)
    kept_file(state_dir() / "own/x", ".claude/settings.json").unlink()
    restore("x", home)
    assert not file.exists()


@pytest.mark.parametrize("times", [1, 2], ids=["the first time", "over an earlier one"])
@pytest.mark.parametrize("point", ["before", "after"])
def test_a_run_that_is_cut_off_loses_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, times: int, point: str
) -> None:
    """At either side of the moment in which the file is replaced."""
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    if times == 2:
        merge("x", jsonc(), home)

    def cut_off(*words: Any, **more: Any) -> None:
        if point == "after":
            replace(*words, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(own_config, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            merge("x", jsonc({"env": {"ANTHROPIC_MODEL": "T"}}), home)
    restore("x", home)
    assert file.read_text() == CLAUDE_TEXT


def test_runs_at_the_same_time_come_one_after_the_other(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    program = (
        "import sys; from pathlib import Path; from playbooks.own_config import merge\n"
        "from playbooks.clients.client import OwnFile\n"
        "own = OwnFile('.claude/settings.json', 'json', {'env': {'M': sys.argv[2]}})\n"
        "merge('x', [own], Path(sys.argv[1]))\n"
    )
    words = [sys.executable, "-c", program, str(home)]
    running = [subprocess.Popen([*words, str(number)], cwd=ROOT) for number in range(6)]
    assert [one.wait() for one in running] == [0] * 6
    assert file.read_text().count('"M"') == 1
    restore("x", home)
    assert file.read_text() == CLAUDE_TEXT


def test_what_another_program_writes_meanwhile_is_not_overwritten(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    with pytest.raises(ConfigError, match="was changed just now; nothing was written"):
        replace(file, b"ours", b"what we saw")
    assert file.read_text() == CLAUDE_TEXT and list(file.parent.iterdir()) == [file]


def test_record_and_kept_file_are_yours_alone(home: Path) -> None:
    put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    folder = state_dir() / "own/x"
    assert (mode(folder), mode(folder.parent), mode(folder / "record.json")) == (0o700, 0o700, 0o600)
    assert kept_file(folder, ".claude/settings.json").read_text() == CLAUDE_TEXT


def test_a_damaged_record_says_where_the_kept_files_are(home: Path) -> None:
    put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    (state_dir() / "own/x/record.json").write_text("[{]")
    with pytest.raises(ConfigError, match=r"record.json: is damaged"):
        restore("x", home)


def test_values_are_never_told(home: Path) -> None:
    put(home, jsonc()[0], CLAUDE_TEXT)
    lines = merge("x", jsonc({"env": {"ANTHROPIC_AUTH_TOKEN": "sk-hunter2"}}), home)
    assert "hunter2" not in str(lines) and "env.ANTHROPIC_AUTH_TOKEN" in str(lines)


@pytest.mark.parametrize("again", [False, True], ids=["at once", "merged once more"])
def test_without_what_was_kept_no_file_is_removed(home: Path, again: bool) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    kept_file(state_dir() / "own/x", ".claude/settings.json").unlink()
    if again:
        merge("x", jsonc({"env": {"ANTHROPIC_MODEL": "T"}}), home)
    restore("x", home)
    assert file.read_text() == CLAUDE_TEXT


def test_each_client_has_a_record_of_its_own(home: Path) -> None:
    file = put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc({"env": {"X": "1"}}), home)
    merge("y", jsonc({"env": {"Y": "1"}}), home)
    restore("x", home)
    restore("y", home)
    assert file.read_text() == CLAUDE_TEXT
    assert read_record(state_dir() / "own/y") == {}


def a_way(folder: Path, model: str = "daybox-coder") -> Way:
    return Way("http://127.0.0.1:18001/v1", "sk-daybox", model, 32_768, 4096, True, "coder-30b", folder)


EVERY: tuple[Client | Shown, ...] = (*CLIENTS, *SHOWN)
ROWS = [row for row in EVERY if row.own_files(a_way(Path("/nowhere")))]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_every_client_is_given_goes_in_is_renewed_and_goes_out(home: Path, row: Client | Shown) -> None:
    """Once where there is nothing yet, and once beside a model of the user's own."""
    nothing: tuple[OwnFile, ...] = ()
    for theirs in (nothing, row.own_files(a_way(home, "theirs"))):
        for own in theirs:
            merge("theirs", [own], home)
        before = {file: file.read_bytes() for file in home.rglob("*") if file.is_file()}
        merge(row.name, row.own_files(a_way(home)), home)
        assert all(line.endswith("nothing was changed") for line in merge(row.name, row.own_files(a_way(home)), home))
        merge(row.name, row.own_files(a_way(home, "another")), home)
        restore(row.name, home)
        assert {file: file.read_bytes() for file in home.rglob("*") if file.is_file()} == before


def test_a_file_that_holds_a_key_from_now_on_is_the_users_alone_and_open_again_afterwards(home: Path) -> None:
    file = home / ".pi/agent/models.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}\n")
    file.chmod(0o644)
    own = OwnFile(".pi/agent/models.json", "json", {"providers": {"daybox": {"apiKey": "dbx-key"}}}, holds_key=True)
    merge("pi", [own], home)
    assert file.stat().st_mode & 0o777 == 0o600
    restore("pi", home)
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("{}\n", 0o644)


def with_a_key(home: Path, model: str = "S") -> OwnFile:
    put(home, made := OwnFile(".pi/models.json", "json", {"apiKey": "dbx", "m": model}, holds_key=True), "{}\n", 0o644)
    return made


def test_a_file_with_a_key_that_others_may_read_by_now_is_the_users_alone_again(home: Path) -> None:
    own = with_a_key(home)
    file = home / own.path
    merge("pi", [own], home)
    file.chmod(0o644)
    said = f"{file}: a key stands in it and others could read it (0644); it is 0600 now"
    assert merge("pi", [own], home) == [said]
    assert mode(file) == 0o600
    assert merge("pi", [own], home) == [f"{file}: is as it should be; nothing was changed"]


def test_after_another_model_a_file_with_a_key_is_open_again_as_it_was_at_first(home: Path) -> None:
    own = with_a_key(home)
    merge("pi", [own], home)
    merge("pi", [replaced(own, values={"apiKey": "dbx", "m": "T"})], home)
    restore("pi", home)
    assert mode(home / own.path) == 0o644


def test_the_record_knows_which_files_hold_a_key(home: Path) -> None:
    put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    merge("pi", [with_a_key(home)], home)
    assert key_files(home) == [home / ".pi/models.json"]
    restore("pi", home)
    assert key_files(home) == []


def test_a_record_of_an_older_daybox_is_understood(home: Path) -> None:
    put(home, jsonc()[0], CLAUDE_TEXT)
    merge("x", jsonc(), home)
    file = state_dir() / "own/x/record.json"
    rows = json.loads(file.read_text())
    file.write_text(json.dumps([{key: row[key] for key in row if key not in ("gone", "holds_key")} for row in rows]))
    assert restore("x", home) == [f"{home / '.claude/settings.json'}: is what it was before"]


@pytest.mark.parametrize("row", [row for row in (*CLIENTS, *SHOWN)], ids=lambda row: row.name)
def test_every_file_in_which_a_clients_key_stands_says_that_it_holds_one(row: Client | Shown, tmp_path: Path) -> None:
    way = Way("http://127.0.0.1:18001/v1", "dbx-the-key", "S", 65_536, 4096, True, "qwen3-coder-30b", tmp_path)
    assert [own.path for own in row.own_files(way) if ("dbx-the-key" in str(own.values)) != own.holds_key] == []
