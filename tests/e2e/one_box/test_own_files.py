"""`fab launch NAME --config` and `--restore`, as they are typed: a client's own files lead to the box, and back."""

from pathlib import Path

import pytest
import yaml

from tests.laptop import Laptop

THEIRS = "# mine\n- model_id: mine  # yes\n  model_name: gpt-5\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home in which llm has a model of the user's own."""
    file = own_file(tmp_path)
    file.parent.mkdir(parents=True)
    file.write_text(THEIRS)
    return tmp_path


def own_file(home: Path) -> Path:
    return home / ".config/io.datasette.llm/extra-openai-models.yaml"


def test_a_clients_own_files_lead_to_the_box_and_are_put_back(laptop: Laptop, repository: Path, home: Path) -> None:
    first = laptop.must(f"HOME={home} fab launch llm --config")
    text = own_file(home).read_text()
    mine, ours = yaml.safe_load(text)[:2]
    assert (text.startswith(THEIRS), mine["model_id"], ours["api_base"]) == (
        True,
        "mine",
        f"http://127.0.0.1:{laptop.outputs()['port']}/v1",
    )
    assert f"{own_file(home)}: set: " in first
    assert laptop.must(f"HOME={home} fab launch llm --config").count("is as it should be; nothing was changed") == 2
    assert f"{own_file(home)}: is what it was before" in laptop.must(f"HOME={home} fab launch llm --restore")
    assert own_file(home).read_text() == THEIRS
    assert [file.name for file in own_file(home).parent.iterdir()] == [own_file(home).name]
    assert "nothing of daybox's" in laptop.must(f"HOME={home} fab launch llm --restore")


def test_a_broken_file_of_a_clients_own_is_left_as_it_is_and_named(
    laptop: Laptop, repository: Path, home: Path
) -> None:
    own_file(home).write_text("- model_id: [\n")
    done = laptop.run(f"HOME={home} fab launch llm --config")
    assert done.status == 3
    assert f"{own_file(home)}: line 2, column 1: " in done.err and "nothing was written" in done.err
    assert own_file(home).read_text() == "- model_id: [\n"
