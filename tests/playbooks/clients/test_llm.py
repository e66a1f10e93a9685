"""llm gets a folder with one model and one key, and asks nobody else."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from playbooks.clients.client import Place
from playbooks.clients.llm import ASKING, ELSEWHERE, LLM, LOOKING, OWN_NAMES, user_path
from stacks.errors import UsageError
from tests.playbooks.clients.real_client import EVIL, Desk, desk_of, way_for
from tests.playbooks.fake_box import CLIENT_KEY, SERVED

WAY = way_for(Path("/s/llm"))
HOSTILE = {
    **dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE", "http_proxy", "HTTP_PROXY", "ALL_PROXY"), EVIL),
    **{"OPENAI_API_KEY": "the-users-real-key", "LLM_MODEL": "gpt-4o", "LLM_USER_PATH": "/nowhere", "no_proxy": ""},
}
MODELS_TEXT = """\
- model_id: coder
  model_name: coder
  api_base: http://127.0.0.1:29111/v1
  api_key_name: daybox
  supports_tools: true
  supports_schema: true
"""


def test_its_folder_has_the_model_the_key_by_name_and_no_log() -> None:
    assert LLM.files(WAY) == {
        "extra-openai-models.yaml": MODELS_TEXT,
        "keys.json": f'{{"daybox": "{CLIENT_KEY}"}}\n',
        "default_model.txt": "coder\n",
        "aliases.json": "{}\n",
        "logs-off": "",
    }


def test_a_second_model_of_the_box_is_a_second_entry() -> None:
    rows = yaml.safe_load(LLM.files(replace(WAY, architect="planner"))["extra-openai-models.yaml"])
    assert [row["model_id"] for row in rows] == ["coder", "planner"]


def test_it_is_told_its_folder_and_has_no_plugins() -> None:
    assert LLM.variables(WAY) == {"LLM_USER_PATH": "/s/llm", "LLM_LOAD_PLUGINS": ""}


@pytest.mark.parametrize(
    ("own", "made"),
    [
        (["why?"], ["prompt", "why?", "-m", SERVED]),
        (["-m", "gpt-4o", "why?"], ["prompt", "-m", "gpt-4o", "why?", "-m", SERVED]),
        (["-s", "be short", "why?"], ["prompt", "-s", "be short", "why?", "-m", SERVED]),
        (["prompt", "--", "-m"], ["prompt", "-m", SERVED, "--", "-m"]),
        (["chat"], ["chat", "-m", SERVED]),
        (["logs", "list"], ["logs", "list"]),
        (["--version"], ["--version"]),
        ([], []),
    ],
)
def test_the_model_stands_behind_the_users_words(own: list[str], made: list[str]) -> None:
    assert LLM.words(WAY, own) == made


@pytest.mark.parametrize("own", [["-m", "planner"], ["--model=planner"], ["-mplanner"], ["-umplanner"]])
def test_the_second_model_may_be_asked_by_its_name(own: list[str]) -> None:
    assert LLM.words(replace(WAY, architect="planner"), [*own, "why?"])[-2:] == ["-m", "planner"]


@pytest.mark.parametrize("word", ELSEWHERE)
def test_a_command_that_asks_elsewhere_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match=f"^llm {word}: "):
        LLM.words(WAY, [word, "x"])


def test_no_key_is_on_its_command_line() -> None:
    assert CLIENT_KEY not in " ".join(LLM.words(WAY, ["why?"]))


def test_variables_and_files_of_the_user_that_lead_elsewhere_are_named_and_overruled(tmp_path: Path) -> None:
    for name in OWN_NAMES:
        (user_path(tmp_path)).mkdir(parents=True, exist_ok=True)
        (user_path(tmp_path) / name).touch()
    found = LLM.conflicts(Place(HOSTILE, tmp_path, tmp_path, 29_111))
    assert {"OPENAI_BASE_URL", "OPENAI_API_KEY", "LLM_MODEL", "http_proxy"} <= set(found[0].names)
    assert [one.names[0] for one in found[1:]] == list(OWN_NAMES)
    assert not any(one.wins for one in found)


def test_nothing_is_named_where_nothing_leads_elsewhere(tmp_path: Path) -> None:
    assert LLM.conflicts(Place({"OPENAI_BASE_URL": "http://127.0.0.1:29111/v1"}, tmp_path, tmp_path, 29_111)) == []


def test_merged_into_the_users_own_files_the_key_stands_in_its_keys_only() -> None:
    models, keys = LLM.own_files(WAY)
    assert (models.kind, models.values) == ("yaml", yaml.safe_load(MODELS_TEXT))
    assert (keys.kind, keys.values) == ("json", {"daybox": CLIENT_KEY})
    assert models.path.endswith("io.datasette.llm/extra-openai-models.yaml")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_of(LLM, tmp_path) as made:
        yield made


def test_llm_itself_answers_with_the_boxs_model_and_daybox_key(desk: Desk) -> None:
    done = desk.run(["-m", "gpt-4o", "what is six times seven?"], HOSTILE)
    assert done.stdout == "forty-two\n", done.stderr
    assert [body["model"] for body in desk.bodies()] == [SERVED]


def test_llm_itself_chats(desk: Desk) -> None:
    done = desk.run(["chat"], HOSTILE, "what is six times seven?\nexit\n")
    assert "forty-two" in done.stdout, done.stderr


def test_llm_itself_writes_no_prompt_down_and_does_when_told(desk: Desk) -> None:
    database = desk.way.folder / "logs.db"
    desk.run(["a secret question"], HOSTILE)
    assert b"a secret question" not in database.read_bytes()
    desk.run(["--log", "a known question"], HOSTILE)
    with sqlite3.connect(database) as log:
        assert log.execute("select count(*) from messages").fetchone()[0]


def test_llm_itself_knows_the_commands_that_we_sort(desk: Desk) -> None:
    """A command that is in neither list would be taken for a question."""
    lines = desk.run(["--help"], {}).stdout.partition("Commands:\n")[2].splitlines()
    listed = {line.split()[0].rstrip("*") for line in lines if line.startswith("  ") and line[2] != " "}
    assert {"prompt", "chat"} <= listed <= {*ASKING, *LOOKING, *ELSEWHERE}


def test_llm_itself_lists_the_boxs_model_as_its_default(desk: Desk) -> None:
    assert f"Default: {SERVED}" in desk.run(["models", "list"], HOSTILE).stdout


def test_its_files_are_read_again_by_the_parsers_of_their_formats() -> None:
    files = LLM.files(WAY)
    assert yaml.safe_load(files["extra-openai-models.yaml"]) == yaml.safe_load(MODELS_TEXT)
    assert json.loads(files["keys.json"]) == {"daybox": CLIENT_KEY}
