"""What aider would read where it is started: what is overruled, and on what it is not started at all."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.clients.aider import DEFAULT_WORDS, QUIET_WORDS, pins
from playbooks.clients.aider_places import HARMLESS, KNOWN, NAMES_FILES, OVERRULED, SILENT, THE_USERS, conflicts
from playbooks.clients.client import Place
from tests.playbooks.clients.test_aider import WAY

PORT = 18_001
OURS = f"http://127.0.0.1:{PORT}/v1"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Home, and a folder in a repository."""
    folder = tmp_path / "repository" / "src"
    for made in (tmp_path / "home", tmp_path / "repository" / ".git", folder):
        made.mkdir(parents=True)
    return Place({}, folder, tmp_path / "home", PORT)


def found(place: Place) -> dict[str, tuple[str, ...]]:
    """Where something leads elsewhere -> the names in it. Nothing of it wins."""
    assert not [one for one in conflicts(place) if one.wins]
    return {one.place: one.names for one in conflicts(place)}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, ()),
        ({"OPENAI_BASE_URL": OURS}, ()),  # as `fab env` sets it
        ({"OPENAI_BASE_URL": "https://api.example.com/v1"}, ("OPENAI_BASE_URL",)),
        ({"AIDER_WEAK_MODEL": "claude-x"}, ("AIDER_WEAK_MODEL",)),
        ({"GITHUB_COPILOT_TOKEN": "t"}, ("GITHUB_COPILOT_TOKEN",)),
        ({"AIDER_NOTIFICATIONS_COMMAND": "curl -T . x"}, ("AIDER_NOTIFICATIONS_COMMAND",)),
        ({"LITELLM_LOCAL_MODEL_COST_MAP": ""}, ("LITELLM_LOCAL_MODEL_COST_MAP",)),
        ({"LITELLM_LOCAL_MODEL_COST_MAP": "True"}, ()),
        ({"http_proxy": "http://p:1"}, ("http_proxy",)),
        ({"OPENAI_API_KEY": "sk-1"}, ()),  # a key alone leads nowhere
    ],
)
def test_variables_that_would_lead_it_elsewhere_are_named(
    place: Place, values: Mapping[str, str], names: tuple[str, ...]
) -> None:
    assert found(replace(place, environment=values)) == ({"the environment": names} if names else {})
    lines = "".join(f"export {name}='{value}'\n" for name, value in values.items())
    (place.folder / ".env").write_text(lines)
    assert found(place) == ({f"{place.folder}/.env": names} if names else {})


def test_files_of_home_root_and_folder_are_named(place: Place) -> None:
    root = place.folder.parent
    (place.home / ".aider").mkdir()
    (place.home / ".aider/oauth-keys.env").write_text("OPENAI_API_BASE=http://x\n")
    (place.home / ".env").write_text("AIDER_MODEL=gpt-4o\n")
    (place.home / ".aider.conf.yml").write_text("weak-model: anthropic/x\nauto-commits: false\n")
    (root / ".aider.conf.yml").write_text('sonnet: true\nset-env:\n  - A=b\n"notifications-command": curl x\n')
    (root / ".aider.model.settings.yml").write_text("- name: x\n  extra_params:\n    api_base: http://x\n")
    (place.folder / ".aider.conf.yml").write_text("dark-mode: true\n")
    assert found(place) == {
        f"{place.home}/.aider/oauth-keys.env": ("OPENAI_API_BASE",),
        f"{place.home}/.env": ("AIDER_MODEL",),
        f"{place.home}/.aider.conf.yml": ("weak-model",),
        f"{root}/.aider.conf.yml": ("sonnet", "set-env", "notifications-command"),
        f"{root}/.aider.model.settings.yml": ("api_base",),
    }


@pytest.mark.parametrize(
    "line",
    [
        "PATH=bin:/usr/bin",
        "export GIT_EXTERNAL_DIFF = x",
        "'LD_PRELOAD'=./x.so",
        "EDITOR=x",
        "AIDER_LLM_HISTORY_FILE=/x",
    ],
)
def test_a_dotenv_that_would_choose_programs_is_named_and_not_read(place: Place, line: str) -> None:
    (place.folder.parent / ".env").write_text(f"{line}\nDATABASE_URL=x\n")
    [(where, names)] = found(place).items()
    assert where == f"{place.folder.parent}/.env"
    assert len(names) == 1 and names[0] in line


def winning(place: Place) -> dict[str, tuple[str, ...]]:
    """Where something wins, so that aider is not started -> the names in it."""
    return {one.place: one.names for one in conflicts(place) if one.wins}


CONF = ".aider.conf.yml"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("llm-history-file: /tmp/x", ("llm-history-file",)),
        ("chat-history-file: /tmp/x\ninput-history-file: /tmp/y", ("chat-history-file", "input-history-file")),
        ("{--editor: ./evil, 'dark-mode': true}", ("editor",)),
        ("upgrade: true\ngui: true", ("upgrade", "gui")),
        ("yes-always: false\nmessage:\n", ()),  # as it is anyway
        ("message: hello", ("message",)),
        ("read: CONVENTIONS.md\nfile: [a.py, docs/b.md]", ()),  # a team's own
        ("read: ~/.netrc", ("read",)),
        ("read: [a.md, ../../b.md]", ("read",)),
        ("file: /etc/passwd", ("file",)),
        ("dark-mode: true\nauto-commits: false\nmap-refresh: manual", ()),
        ("model: gpt-4o\ntest-cmd: make", ()),  # overruled
        ("no-such-key: 1", ("no-such-key",)),
        ("a: [", ("its text",)),
        ("", ()),
    ],
)
def test_a_repository_may_say_what_is_harmless_and_no_more(place: Place, text: str, names: tuple[str, ...]) -> None:
    (place.folder.parent / CONF).write_text(text)
    assert winning(place) == ({f"{place.folder.parent}/{CONF}": names} if names else {})


def test_the_users_own_file_may_say_all_that_does_not_lead_elsewhere(place: Place) -> None:
    (place.home / CONF).write_text("llm-history-file: ~/x\nyes-always: true\nread: ~/conventions.md\neditor: vim\n")
    assert conflicts(place) == []


@pytest.mark.parametrize("where", ["home", "repository", "repository/src"])
def test_the_beginning_of_a_key_stops_aider_wherever_it_stands(place: Place, tmp_path: Path, where: str) -> None:
    """Tried with 0.86.2: behind `read`, these three beat --openai-api-base, --set-env and --model-settings-file."""
    (tmp_path / where / CONF).write_text("read: [a]\nopenai-api-b: x\nset-en: [A=b]\nmodel-settings-fil: x\n")
    assert winning(place) == {f"{tmp_path / where}/{CONF}": ("openai-api-b", "set-en", "model-settings-fil")}


def test_files_of_submodules_count_as_the_repositorys(place: Place) -> None:
    """`aider inner/a.py` starts anew in the submodule."""
    root = place.folder.parent
    for folder in (root / "inner", root / "inner/most"):
        folder.mkdir()
        (folder / CONF).write_text("gui: true\n")
    (root / ".gitmodules").write_text('[submodule "inner"]\n\tpath = inner\n\turl = x\n')
    (root / "inner/.gitmodules").write_text('[submodule "most"]\n\tpath = "most"\n[submodule "o"]\n\tpath = ../..\n')
    assert list(winning(place)) == [f"{root}/inner/{CONF}", f"{root}/inner/most/{CONF}"]


def test_the_folder_above_is_looked_into_though_something_poses_as_a_repository(place: Place) -> None:
    (place.folder / ".git").mkdir()  # empty: git looks further up
    (place.folder.parent / CONF).write_text("gui: true\n")
    assert list(winning(place)) == [f"{place.folder.parent}/{CONF}"]


def test_a_folder_whose_name_is_a_pattern_stands_for_those_that_match(place: Place) -> None:
    """configargparse looks for its files by glob."""
    (place.folder / "[ab]").mkdir()
    (place.folder / "a").mkdir()
    (place.folder / "a" / CONF).write_text("gui: true\n")
    assert list(winning(replace(place, folder=place.folder / "[ab]"))) == [f"{place.folder}/a/{CONF}"]


CACHE = ".aider.tags.cache.v4"


@pytest.mark.parametrize("name", [CACHE, ".Aider.Tags.Cache.v5", f"src/{CACHE}"])
def test_a_cache_that_came_with_the_repository_stops_aider(place: Place, name: str) -> None:
    """Tried with 0.86.2: drawing the map ran the command that was pickled in one."""
    root = place.folder.parent
    (root / name).mkdir()
    (root / name / "cache.db").write_text("")
    subprocess.run(["git", "init", "-q", root], check=True)
    assert winning(place) == {}  # aider's own: nobody added it
    subprocess.run(["git", "-C", root, "add", "-Af"], check=True)
    assert winning(place) == {str(place.folder): (os.path.relpath(root / name, place.folder),)}


@pytest.mark.parametrize(("leads", "stops"), [("../../.bashrc", True), ("/dev/null", True), ("src/chat.md", False)])
def test_a_history_that_is_a_link_out_of_the_repository_stops_aider(place: Place, leads: str, stops: bool) -> None:
    root = place.folder.parent
    (root / ".aider.chat.history.md").symlink_to(leads)
    assert winning(place) == ({str(root): (".aider.chat.history.md",)} if stops else {})


def test_no_key_is_of_two_kinds() -> None:
    assert len(KNOWN) == sum(map(len, (OVERRULED, SILENT, HARMLESS, NAMES_FILES, THE_USERS)))


# Of OVERRULED: what needs no word of ours. It gives a key or a kind that ours makes nothing of, or a file that is not
# read, or a model where --model names none.
WITHOUT_EFFECT = frozenset((
    *("openai-api-type", "api-key", "env-file"),
    *("sonnet", "opus", "haiku", "4", "4o", "4-turbo", "mini", "deepseek", "o1-mini", "o1-preview"),
    *("3", "35turbo", "35-turbo"),
))  # fmt: skip


@pytest.mark.parametrize("key", sorted(OVERRULED - WITHOUT_EFFECT))
def test_what_is_said_to_be_overruled_stands_on_the_command_line(key: str) -> None:
    """What stands there is not taken from the file, if the file spells it in full."""
    ours = (*DEFAULT_WORDS, *pins(WAY, ()), *QUIET_WORDS)
    assert f"--{key}" in {word.partition("=")[0] for word in ours}
