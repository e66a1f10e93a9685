"""fab new: flags alone make a stack; questions are asked only where there is somebody to ask."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from invoke.context import Context
from invoke.exceptions import Exit
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from playbooks import new as new_module
from playbooks.new import new
from playbooks.new_choices import PURPOSES, plan_choices, region_choices
from stacks import latency, stack_file
from stacks.catalog import CLOUDS, MODELS, PLANS
from stacks.market import Market, market
from stacks.sizing import fit
from stacks.values import named
from tests.cloud import Cloud
from tests.shipped import ROOT

FLAGS = {"cloud": "local", "yes": True, "preview": False}
ENTER, DOWN, CLEAR = "\r", "\x1b[B", "\x15"


@pytest.fixture(autouse=True)
def folder(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of stack files of an empty checkout; its local cloud runs."""
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DAYBOX_STATE", str(cloud.state_dir))
    monkeypatch.delenv("PULUMI_STACK", raising=False)
    monkeypatch.delenv("LINODE_TOKEN", raising=False)
    return tmp_path / "stacks"


def made(folder: Path, name: str = "mine", **flags: Any) -> dict[str, str]:
    """The settings that `fab new` writes for these flags."""
    new(Context(), name=name, **FLAGS | flags)
    config = yaml.safe_load((folder / f"Pulumi.{name}.yaml").read_text())["config"]
    return {key.removeprefix("daybox:"): value for key, value in config.items()}


def refused(**flags: Any) -> str:
    """What it says of flags that it must refuse."""
    with pytest.raises(Exit) as caught:
        new(Context(), **FLAGS | {"name": "mine"} | flags)
    assert caught.value.code in (2, 3, 6)
    return str(caught.value.message)


def test_flags_alone_make_a_stack(folder: Path) -> None:
    assert made(folder, purpose="edit", ssh_from="203.0.113.7/32", budget_usd="12") == {
        "cloud": "local",
        "plan": "g2-gpu-rtx4000a2-s",
        "region": "us-ord",
        "model": "qwen3-coder-30b",
        "context": "32768",
        "idleMinutes": "30",
        "maxLifetimeMinutes": "600",
        "budgetUsd": "12",
        "sshFrom": "203.0.113.7/32",
    }


@pytest.mark.parametrize("purpose", PURPOSES)
def test_every_purpose_has_a_plan_that_holds_its_model(purpose: str, folder: Path) -> None:
    settings = made(folder, purpose=purpose)
    one = PURPOSES[purpose]
    assert (settings["model"], settings["context"]) == (one.model, str(one.context))


def test_the_file_says_why_each_setting_is_there_and_how_to_see_the_fit(folder: Path) -> None:
    made(folder, purpose="cheap")
    text = (folder / "Pulumi.mine.yaml").read_text()
    assert text.startswith("# Made by `fab new`, 20")
    assert text.splitlines()[0].endswith(". How it fits, and what is wrong with it: fab fit mine")
    assert 'daybox:idleMinutes: "30" # an idle box is given back' in text
    assert max(map(len, text.splitlines())) <= 120


def test_a_file_that_is_there_keeps_its_comments_unknown_keys_and_other_settings(folder: Path) -> None:
    made(folder, model="smollm2-135m", context="4096", ssh_from="203.0.113.7/32")
    path = folder / "Pulumi.mine.yaml"
    path.write_text(path.read_text().replace("config:", "# mine\nconfig:") + "  pulumi:tags: kept # too\n")
    before = path.read_text()
    made(folder, context="2048", cloud=None)  # its own
    assert path.read_text() == before.replace('"4096"', '"2048"')


def test_a_stack_moves_to_the_cloud_that_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(folder, purpose="edit")
    linode = lambda *_: (named(CLOUDS, "linode"), "http://127.0.0.1:9")  # noqa: E731
    monkeypatch.setattr(new_module, "cloud_meant", linode)
    assert made(folder, cloud="linode", region="us-ord")["cloud"] == "linode"


def test_a_file_with_a_context_that_is_no_number_is_mended(folder: Path) -> None:
    (folder / "Pulumi.mine.yaml").write_text("config:\n  daybox:context: many\n")
    assert made(folder, purpose="", model="gpt-oss-20b")["context"] == "32768"


def test_json_prints_what_was_written(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    settings = made(folder, model="smollm2-135m", json=True)
    told = json.loads(capsys.readouterr().out)
    assert told == {"stack": "mine", "file": "stacks/Pulumi.mine.yaml", "budgetUsd": None, **settings}


def test_the_next_command_is_named(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    made(folder, purpose="edit", ssh_from="203.0.113.7/32")
    assert "next: source scripts/env mine, then pulumi up -s mine" in capsys.readouterr().err
    made(folder, "other", purpose="edit")
    assert "pulumi config set -s other daybox:sshFrom YOUR.PUBLIC.IP.ADDRESS/32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"name": "My_Stack"}, "--name: 'My_Stack' is no name of a stack; write 2 to 37 small letters"),
        ({"name": "a--b"}, "--name: 'a--b' is no name of a stack"),
        ({"name": "x" * 38}, "--name: "),
        ({"purpose": "fun"}, "--purpose: 'fun' is unknown; choose from: edit, careful, long, cheap"),
        ({"model": "gpt-oss-21b"}, "--model: 'gpt-oss-21b' is not in the catalog; choose from: gpt-oss-20b"),
        (
            {"model": "gpt-oss-20b", "context": "200000"},
            "--context: 200000 tokens are more than the 131072 gpt-",
        ),
        ({"model": "gpt-oss-20b", "context": "-1"}, "--context: '-1' is not above zero"),
        ({"purpose": "edit", "plan": "g2-gpu-rtx4000a1-s"}, "--plan: qwen3-coder-30b has 29.0 GiB of weights"),
        ({"purpose": "edit", "plan": "g3"}, "--plan: 'g3' is not in the catalog; choose from: g"),
        ({"purpose": "edit", "region": "us-orf"}, "--region: 'us-orf' is no region; choose from: us-ord"),
        ({"purpose": "edit", "idle_minutes": "soon"}, "--idle-minutes: 'soon' is not a duration; write minutes"),
        ({"purpose": "edit", "budget_usd": "-3"}, "--budget-usd: '-3' is not above zero"),
        ({"purpose": "edit", "ssh_from": "0.0.0.0/0"}, "--ssh-from: '0.0.0.0/0' is the whole world; name the networks"),
        ({"model": "glm-4.5-air"}, "glm-4.5-air: no plan holds it with 32768 tokens"),
    ],
)
def test_bad_flags_are_refused_and_nothing_is_written(flags: dict[str, Any], said: str, folder: Path) -> None:
    assert refused(**flags).startswith(said)
    assert list(folder.iterdir()) == []


def test_a_secret_stays_a_secret(folder: Path) -> None:
    path = folder / "Pulumi.mine.yaml"
    path.write_text("config:\n  daybox:model: gpt-oss-20b\n  daybox:sshFrom:\n    secure: v1:abc\n")
    made(folder, region="us-ord")
    assert yaml.safe_load(path.read_text())["config"]["daybox:sshFrom"] == {"secure": "v1:abc"}


def test_what_the_file_says_beside_decides_whether_its_plan_still_fits(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """90000 tokens fit two cards only because the cache is in fp8: no reason for four."""
    path = folder / "Pulumi.mine.yaml"
    path.write_text(
        "config:\n  daybox:cloud: local\n  daybox:plan: g2-gpu-rtx4000a2-s\n  daybox:region: us-ord\n"
        '  daybox:model: qwen3-coder-30b\n  daybox:context: "90000"\n  daybox:kvCacheDtype: fp8\n'
    )
    before = path.read_text()
    made(folder)
    assert path.read_text() == before
    assert "stacks/Pulumi.mine.yaml: changed: nothing; " in capsys.readouterr().err


def test_a_stack_that_is_there_is_not_moved_by_stock_that_is_advisory(folder: Path) -> None:
    made(folder, purpose="edit", region="us-east")
    assert made(folder, idle_minutes="20")["region"] == "us-east"


def test_a_model_that_the_catalog_has_no_more_is_named_and_not_replaced(folder: Path) -> None:
    (folder / "Pulumi.mine.yaml").write_text("config:\n  daybox:model: qwen1-coder\n")
    assert refused(idle_minutes="20").startswith("--model: 'qwen1-coder' is not in the catalog; choose from: qwen")


def test_a_secret_that_decides_the_plan_cannot_be_changed_here(folder: Path) -> None:
    (folder / "Pulumi.mine.yaml").write_text("config:\n  daybox:model:\n    secure: v1:abc\n")
    assert refused(purpose="edit") == (
        "stacks/mine/model: is a secret, which fab new cannot read; change it with pulumi config set -s mine"
    )


@pytest.mark.parametrize("text", ["4096.0", "1e4"])
def test_a_whole_number_may_be_written_as_one_likes(folder: Path, text: str) -> None:
    assert made(folder, model="gpt-oss-20b", context=text)["context"] == str(int(float(text)))


def test_a_plan_that_changes_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(folder, purpose="cheap")
    made(folder, purpose="edit")
    assert "changed: plan g2-gpu-rtx4000a1-s -> g2-gpu-rtx4000a2-s, model " in capsys.readouterr().err


def test_without_a_name_no_stack_that_is_there_is_changed(folder: Path) -> None:
    made(folder, "my-coder", purpose="cheap")
    before = (folder / "Pulumi.my-coder.yaml").read_text()
    assert refused(name="", purpose="edit") == (
        "stacks/my-coder: is there already; --name my-coder changes it; or name another"
    )
    assert (folder / "Pulumi.my-coder.yaml").read_text() == before


def test_a_plan_of_another_cloud_is_refused() -> None:
    said = refused(cloud="linode", model="smollm2-135m", plan="local-cpu", region="us-ord")
    assert said == "--plan: linode has no local-cpu; see fab plans --cloud linode"


TWICE = "config:\n  daybox:plan: a\n  daybox:plan: b\n"


@pytest.mark.parametrize("text", ["config: [1, 2]", "words", b"\xff\xfe", TWICE])
def test_a_file_that_cannot_be_changed_is_left_as_it_is(folder: Path, text: str | bytes) -> None:
    content = text if isinstance(text, bytes) else text.encode()
    (folder / "Pulumi.mine.yaml").write_bytes(content)
    assert refused(model="smollm2-135m", plan="local-cpu").startswith("stacks/Pulumi.mine.yaml")
    assert (folder / "Pulumi.mine.yaml").read_bytes() == content


def test_a_file_with_an_empty_config_is_filled(folder: Path) -> None:
    (folder / "Pulumi.mine.yaml").write_text("config:\n")
    assert made(folder, model="gpt-oss-20b")["model"] == "gpt-oss-20b"


def test_a_file_that_is_no_yaml_is_left_as_it_is(folder: Path) -> None:
    (folder / "Pulumi.mine.yaml").write_text("config: [")
    assert "is not YAML" in refused(model="smollm2-135m")
    assert (folder / "Pulumi.mine.yaml").read_text() == "config: ["


def test_a_region_must_be_named_where_stock_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_module, "cloud_meant", lambda *_: (named(CLOUDS, "linode"), "http://127.0.0.1:9"))
    assert "--region: stock is not known: 127.0.0.1:9: does not answer" in refused(purpose="edit")


def test_plans_show_price_source_and_stock_and_mark_the_cheapest(cloud: Cloud) -> None:
    found = market(cloud.url)
    model = named(MODELS, "qwen3-coder-30b")
    usable = [plan for plan in PLANS if fit(model, plan, 4096).fits]
    first, second, *_ = [choice.title for choice in plan_choices(usable, found)]
    assert "$1.05/h (127.0.0.1:" in first and "7 regions  <- cheapest" in first
    assert "cheapest" not in second


def test_regions_come_nearest_first_and_say_how_far(monkeypatch: pytest.MonkeyPatch, cloud: Cloud) -> None:
    monkeypatch.setattr(latency, "latencies", lambda regions: {"fr-par": 12.3})
    choices = region_choices(named(CLOUDS, "linode"), named(PLANS, "g2-gpu-rtx4000a2-s"), market(cloud.url))
    assert choices[0].title.split() == ["fr-par", "Paris,", "FR", "12", "ms"]
    assert choices[1].title.endswith("distance not measured")


def test_regions_of_this_machine_are_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "latencies", lambda regions: pytest.fail("nobody may be asked"))
    assert region_choices(named(CLOUDS, "local"), PLANS[0], Market("x")) == []


def test_on_a_terminal_what_no_flag_says_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name, purpose (the third), context as is usual for it, plan (the cheapest), region, idle, end, budget, whence."""
    monkeypatch.setattr(new_module, "on_terminal", lambda: True)
    typed = [
        f"{CLEAR}asked{ENTER}",
        f"{DOWN}{DOWN}{ENTER}",
        ENTER,
        ENTER,
        f"{DOWN}{ENTER}",
        f"{CLEAR}45{ENTER}",
        ENTER,
        f"9{ENTER}",
        f"203.0.113.7/32{ENTER}",
    ]
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("".join(typed))
        new(Context(), cloud="local", preview=False)
    config = yaml.safe_load((folder / "Pulumi.asked.yaml").read_text())["config"]
    assert config == {
        "daybox:cloud": "local",
        "daybox:plan": "g2-gpu-rtx4000a1-s",
        "daybox:region": "us-sea",
        "daybox:model": "gpt-oss-20b",
        "daybox:context": "131072",
        "daybox:idleMinutes": "45",
        "daybox:maxLifetimeMinutes": "600",
        "daybox:budgetUsd": "9",
        "daybox:sshFrom": "203.0.113.7/32",
    }


def test_ctrl_c_in_a_question_writes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_module, "on_terminal", lambda: True)
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text(f"{CLEAR}asked{ENTER}\x03")
        with pytest.raises(Exit) as caught:
            new(Context(), cloud="local", preview=False)
    assert caught.value.code == 130
    assert list(folder.iterdir()) == []
