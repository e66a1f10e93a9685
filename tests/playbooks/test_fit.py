"""fab fit: the arithmetic, shown; and of a stack, everything that is wrong with it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context
from invoke.exceptions import Exit

from playbooks.fit import fit
from playbooks.fit_view import WIDTH, arithmetic, bar
from stacks import stack_file
from stacks.catalog import MODELS, PLANS, PRICES_READ
from stacks.secrets import WAYS
from stacks.sizing import fit as fit_of
from stacks.values import named, own_port
from tests.cloud import TOKEN, Cloud, start_cloud
from tests.odd_api import odd_api
from tests.shipped import ROOT
from tests.stacks.hub_double import MODEL, running
from tests.stacks.test_hub import repository

KEYS = (
    *("model", "plan", "tp", "context", "kv_dtype", "weights_gib", "kv_gib", "overhead_gib", "free_gib"),
    *("kv_bytes_per_token", "max_context", "fits", "reasons", "usd_per_hour", "price_source"),
)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    running = start_cloud(tmp_path_factory.mktemp("cloud"))
    running.add_token("weak", "linodes:read_write")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _here(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DAYBOX_STATE", str(cloud.state_dir))
    monkeypatch.setenv("LINODE_TOKEN", TOKEN)
    monkeypatch.delenv("PULUMI_STACK", raising=False)


def told(capsys: pytest.CaptureFixture[str], model: str, **options: Any) -> dict[str, Any]:
    """What `fab fit MODEL --json` prints."""
    fit(Context(), model, json=True, **options)
    row: dict[str, Any] = json.loads(capsys.readouterr().out)
    return row


def refused(model: str, **options: Any) -> tuple[str, int]:
    """What it says where it must fail, and its exit status."""
    with pytest.raises(Exit) as caught:
        fit(Context(), model, **options)
    return str(caught.value.message), caught.value.code


def test_json_has_every_figure_and_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    row = told(capsys, "qwen3-coder-30b")
    assert set(KEYS) <= set(row)
    assert (row["plan"], row["tp"], row["context"], row["fits"]) == ("g2-gpu-rtx4000a2-s", 2, 32_768, True)
    assert row["price_source"] == f"daybox catalog {PRICES_READ}: not read"


def test_without_refresh_nobody_is_asked(cloud: Cloud, capsys: pytest.CaptureFixture[str]) -> None:
    before = len(cloud.requests())
    told(capsys, "qwen3-coder-30b", cloud="local")
    assert len(cloud.requests()) == before
    row = told(capsys, "qwen3-coder-30b", cloud="local", refresh=True)
    assert row["price_source"].startswith(cloud.url.removeprefix("http://"))


def test_a_model_is_found_by_its_hub_id_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "openai/gpt-oss-20b")["model"] == "gpt-oss-20b"


def test_the_cheapest_plan_and_the_next_one_up_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    fit(Context(), "qwen3-coder-30b")
    said = capsys.readouterr().out
    assert "cheapest that fits: g2-gpu-rtx4000a2-s $1.05/h; next: g2-gpu-rtx4000a2-m $1.34/h" in said


def test_the_arithmetic_adds_up_to_the_budget(capsys: pytest.CaptureFixture[str]) -> None:
    row = told(capsys, "qwen2.5-coder-32b")
    whole = row["weights_gib"] + row["kv_gib"] + row["overhead_gib"] + row["free_gib"]
    assert whole == pytest.approx(20_475 / 1024 * 0.92, abs=0.01)


@pytest.mark.parametrize("model", ["qwen3-coder-30b", "gpt-oss-20b", "smollm2-135m"])
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_the_bar_of_what_fits_is_as_long_as_the_card_is_large(model: str, plan: Any) -> None:
    found = fit_of(named(MODELS, model), plan, 4096)
    drawn = bar(found, plan)
    length = sum(len(text) for text, _ in drawn[:-1])
    assert length >= WIDTH - 2 and (length <= WIDTH + 2 or not found.fits)
    assert len(arithmetic(plan, found)) == 4


def test_an_fp8_cache_takes_half_as_much(capsys: pytest.CaptureFixture[str]) -> None:
    full, half = told(capsys, "qwen3-coder-30b"), told(capsys, "qwen3-coder-30b", kv="fp8")
    assert half["kv_bytes_per_token"] * 2 == full["kv_bytes_per_token"]
    assert half["max_context"] > 1.9 * full["max_context"]


def test_what_does_not_fit_fails_and_says_what_would() -> None:
    said, status = refused("qwen3-coder-30b", plan="g2-gpu-rtx4000a2-s", context="65536")
    assert status == 6
    assert said == (
        "fab fit: 65536 tokens are more than the 48272 of qwen3-coder-30b that fit g2-gpu-rtx4000a2-s; "
        "take --context 48272 or take --plan g2-gpu-rtx4000a4-s"
    )


def test_every_reason_has_a_line_of_its_own() -> None:
    said, _ = refused("qwen3-coder-30b", plan="g1-gpu-rtx6000-1", kv="fp8")
    assert [line.split(":")[0] for line in said.splitlines()] == ["fab fit"] * 3
    assert "needs compute capability 8.9" in said and "leaves no room for a cache" in said


def test_cards_that_do_not_share_are_best_not_asked_for() -> None:
    said, _ = refused("qwen3-coder-30b", tp="3")
    assert said.splitlines()[-1].endswith("; leave --tp out")


def test_a_context_beyond_all_reason_is_a_short_answer(capsys: pytest.CaptureFixture[str]) -> None:
    refused("qwen3-coder-30b", context="1000000000")
    assert max(map(len, capsys.readouterr().out.splitlines())) < 4 * WIDTH


def test_a_stack_that_is_called_as_its_model_says_how_to_ask_for_the_model(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINODE_TOKEN", "")
    refused("gpt-oss-20b")
    assert "gpt-oss-20b is a stack and a model; the model alone: fab fit openai/gpt-oss-20b" in capsys.readouterr().out


def test_in_json_too_what_does_not_fit_fails(capsys: pytest.CaptureFixture[str]) -> None:
    _, status = refused("qwen3-coder-480b", json=True)
    row = json.loads(capsys.readouterr().out)
    assert status == 6 and not row["fits"] and row["plans_that_fit"] == []


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        (
            "qwen3-coder-33b",
            {},
            "fab fit: 'qwen3-coder-33b' is neither a model nor a stack; choose from: qwen3-coder-30b",
        ),
        ("gpt-oss-20b", {"plan": "g2-a1"}, "--plan: 'g2-a1' is not in the catalog; choose from: "),
        ("gpt-oss-20b", {"kv": "int4"}, "--kv: 'int4' is unknown; choose from: auto, fp8"),
        ("gpt-oss-20b", {"context": "-5"}, "--context: '-5' is not above zero; see `fab --help`"),
        ("gpt-oss-20b", {"context": "32k"}, "--context: '32k' is not a number"),
        ("gpt-oss-20b", {"context": "9" * 30}, f"--context: '{'9' * 30}' is not a whole number up to 1000000000"),
        ("gpt-oss-20b", {"tp": "-1"}, "--tp: '-1' is not above zero"),
        ("smollm2-135m", {"plan": "local-cpu"}, "--plan: linode has no local-cpu; see fab plans --cloud linode"),
        ("/etc/passwd", {}, "fab fit: '/etc/passwd' is neither a model nor a stack; choose from: "),
        ("coder-30b", {"context": "5"}, "fab fit: stacks/coder-30b says itself what it asks for"),
    ],
)
def test_bad_words_are_refused(model: str, options: dict[str, Any], said: str) -> None:
    found, status = refused(model, **options)
    assert found.startswith(said) and status == 2


@pytest.fixture
def stack(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a stack `mine` in a checkout of its own, without a fault, on the local cloud's API."""
    from stacks.keys import make_key
    from stacks.places import stack_dir

    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").write_text((ROOT / "Pulumi.yaml").read_text())
    monkeypatch.setattr(stack_file, "ROOT", tmp_path)
    if not (stack_dir("mine") / "login_ed25519").is_file():
        make_key(stack_dir("mine") / "login_ed25519", "mine")
    path = tmp_path / "stacks/Pulumi.mine.yaml"
    path.write_text(
        f"""config:
  daybox:plan: g2-gpu-rtx4000a2-s
  daybox:region: us-ord
  daybox:model: qwen3-coder-30b
  daybox:sshFrom: 203.0.113.7/32
  daybox:url: {cloud.url}
"""
    )
    return path


def test_a_stack_without_a_fault_is_sized_at_the_live_price(
    stack: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    row = told(capsys, "mine")
    assert row["faults"] == [] and row["fits"]
    assert row["price_source"].startswith(cloud.url.removeprefix("http://"))


def faults(stack: Path, *changes: tuple[str, str]) -> list[str]:
    """What `fab fit mine` says after these changes of its file; it fails as bad settings do."""
    text = stack.read_text()
    for old, new in changes:
        text = text.replace(old, new)
    stack.write_text(text)
    said, status = refused("mine")
    assert status == 3
    return said.splitlines()


def test_everything_wrong_with_a_stack_is_said_at_once(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINODE_TOKEN", "weak")
    said = faults(
        stack,
        ("us-ord", "us-east"),
        ("  daybox:sshFrom: 203.0.113.7/32", "  daybox:context: 65536\n  daybox:colour: red"),
    )
    text = "\n".join(said)
    assert 'stacks/mine/context: 65536 is not text; write "65536"' in text
    assert "stacks/mine/colour: is no setting of daybox" in text
    assert "stacks/mine/sshFrom: is empty" in text
    assert "stacks/mine/model: 65536 tokens are more than the 48272" in text
    assert "LINODE_TOKEN: lacks the scope firewall:read_write, events:read_only" in text
    assert (
        "us-east does not list g2-gpu-rtx4000a2-s as available (which is advisory); pulumi config set -s mine" in text
    )
    assert len(said) == 6


def test_a_region_that_does_not_exist_names_the_nearest(stack: Path) -> None:
    assert faults(stack, ("us-ord", "us-orf"))[0].startswith(
        "stacks/mine/region: 'us-orf' is no region; choose from: us-ord"
    )


def test_a_login_key_that_cannot_sign_is_a_fault(stack: Path, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text("ssh-ed25519 AAAA comment\n")
    said = faults(stack, ("config:\n", f"config:\n  daybox:sshPublicKey: {tmp_path}/key.pub\n"))
    assert said[0].startswith(f"{tmp_path}/key: the private half of the login key is missing")


def test_a_port_that_another_stack_has_is_a_fault(stack: Path) -> None:
    stack.with_name("Pulumi.other.yaml").write_text(f'config:\n  daybox:port: "{own_port("mine")}"\n')
    assert faults(stack) == [
        f"stacks/mine/port: {own_port('mine')} is also the port of other; "
        f"pulumi config set -s mine daybox:port {own_port('mine') + 1}"
    ]


def test_a_port_that_another_program_has_is_a_fault(stack: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = faults(stack, ("config:\n", f'config:\n  daybox:port: "{port}"\n'))
    assert said[0].startswith(f"stacks/mine/port: {port} on this laptop is taken by another program")


def test_a_file_that_is_no_yaml_says_so_first(stack: Path) -> None:
    stack.write_text("config: [")
    said, status = refused("mine")
    assert status == 3 and said.startswith("stacks/Pulumi.mine.yaml, line 1: is not YAML")


def test_a_budget_that_covers_no_hour_is_a_fault(stack: Path) -> None:
    said = faults(stack, ("config:\n", 'config:\n  daybox:budgetUsd: "0.5"\n'))
    assert said[0].startswith("stacks/mine/budgetUsd: $0.50 does not cover one hour at $1.05 (127.0.0.1:")


def test_what_only_pulumi_can_read_is_no_fault(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack.write_text(stack.read_text().replace("203.0.113.7/32", "{secure: v1:abc}"))
    assert told(capsys, "mine")["faults"] == []


def test_a_region_with_a_price_of_its_own_is_asked_for_that(
    stack: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with odd_api() as api:
        text = stack.read_text().replace("g2-gpu-rtx4000a2-s", "g2-gpu-rtx4000a1-s").replace("us-ord", "id-cgk")
        text = text.replace("qwen3-coder-30b", "gpt-oss-20b")
        stack.write_text(re.sub("daybox:url: .*", f"daybox:url: {api.url}", text))
        with pytest.raises(Exit):  # it has no profile
            fit(Context(), "mine", json=True)
    assert json.loads(capsys.readouterr().out)["usd_per_hour"] == 0.62


def test_no_token_is_a_fault_of_its_own(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LINODE_TOKEN")
    assert faults(stack) == [f"LINODE_TOKEN: is not set; {WAYS}"]


def test_any_model_of_the_hub_is_sized_with_the_same_arithmetic(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(repository()) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        row = told(capsys, MODEL)
        fit(Context(), MODEL)
    assert (row["model"], row["plan"], row["tp"]) == ("model-8b", "g2-gpu-rtx4000a2-s", 2)
    assert row["weights_gib"] == pytest.approx(16.06e9 / 2**30 / 2, abs=0.001)
    assert row["kv_bytes_per_token"] == 2 * 32 * (8 // 2) * 128 * 2
    assert "not in the catalog: to rent a box for it, add a row to stacks/models.py" in capsys.readouterr().out


def test_a_hub_that_is_not_reached_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    said, status = refused(MODEL)
    assert status == 4 and said.startswith("127.0.0.1:9: it cannot be reached: ")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert refused(MODEL)[0] == "127.0.0.1:9: HF_HUB_OFFLINE says to stay offline; unset HF_HUB_OFFLINE"


def test_a_hub_id_that_the_catalog_has_is_read_anew_only_with_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert refused("openai/gpt-oss-20b", refresh=True)[1] == 4


def test_of_a_stack_with_two_models_both_are_shown(
    stack: Path, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    text = stack.read_text().replace("qwen3-coder-30b", "qwen2.5-coder-14b")
    stack.write_text(f"{text}  daybox:architect: qwen2.5-coder-7b-awq\n")
    row = told(capsys, "mine")
    assert row["fits"] and row["architect"]["fits"] and row["architect"]["model"] == "qwen2.5-coder-7b-awq"
    fit(Context(), "mine")
    assert "beside it the architect: qwen2.5-coder-7b-awq with 32768 tokens\n" in capsys.readouterr().out
