"""Settings: read once, every fault reported at once."""

from pathlib import Path

import pytest
import yaml

from playbooks.models import USUAL_CONTEXT
from stacks.engines import vllm_words
from stacks.errors import ConfigError
from stacks.settings import KEYS, OPTIONAL_KEYS, Reading, Settings
from stacks.values import Secret, minutes, networks, own_port

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(path.name.split(".")[1] for path in (ROOT / "stacks").glob("Pulumi.*.yaml"))


def defaults() -> dict[str, str]:
    """What Pulumi.yaml gives every stack."""
    entries = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    return {key.removeprefix("daybox:"): entry["default"] for key, entry in entries.items() if "default" in entry}


def shipped(stack: str) -> dict[str, str]:
    """What the committed file of `stack` sets."""
    entries = yaml.safe_load((ROOT / f"stacks/Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix("daybox:"): text for key, text in entries.items()}


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A faultless config of stack coder-32b."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    public = tmp_path / "key.pub"
    public.write_text("ssh-ed25519 AAAA comment\n")
    return defaults() | shipped("coder-32b") | {"sshFrom": "203.0.113.7/32", "sshPublicKey": str(public)}


def faults(raw: dict[str, str]) -> str:
    """What Settings says of a faulty config."""
    with pytest.raises(ConfigError) as caught:
        Settings.from_config("coder-32b", raw)
    return caught.value.line()


@pytest.mark.parametrize("stack", SHIPPED)
def test_every_shipped_stack_needs_nothing_but_where_you_work_from(stack: str, raw: dict[str, str]) -> None:
    given = {key: raw[key] for key in ("sshFrom", "sshPublicKey")} | {"url": "http://127.0.0.1:1"}
    assert Settings.from_config(stack, defaults() | shipped(stack) | given).stack == stack


def test_pulumi_yaml_declares_every_key_that_settings_read() -> None:
    entries = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert {key.removeprefix("daybox:") for key in entries} == set(KEYS) - set(OPTIONAL_KEYS)


def test_every_value_in_pulumi_yaml_is_text_because_the_engine_stops_at_the_first_ill_typed_one() -> None:
    entries = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert {entry["type"] for entry in entries.values()} == {"string"}


def test_all_faults_are_reported_together(raw: dict[str, str]) -> None:
    said = faults(raw | {"model": "qwen-33b", "idleMinutes": "soon", "colour": "red"})
    assert [line.split(":")[0] for line in said.splitlines()] == [
        "stacks/coder-32b/colour",
        "stacks/coder-32b/model",
        "stacks/coder-32b/idleMinutes",
    ]


def test_an_unknown_model_names_the_nearest(raw: dict[str, str]) -> None:
    assert "stacks/coder-32b/model: 'qwen3-coder-33b' is not in the catalog; choose from: qwen3-coder-30b" in faults(
        raw | {"model": "qwen3-coder-33b"}
    )


def test_an_empty_ssh_from_gives_the_line_to_type(raw: dict[str, str]) -> None:
    assert "pulumi config set -s coder-32b daybox:sshFrom" in faults(raw | {"sshFrom": ""})


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0", "203.0.113.7/24", "here"])
def test_the_whole_world_and_nonsense_are_no_place_to_work_from(text: str) -> None:
    with pytest.raises(ValueError):
        networks(text)


def test_an_unknown_plan_names_the_nearest(raw: dict[str, str]) -> None:
    said = faults(raw | {"plan": "g2-gpu-rtx4000-s"})
    assert "stacks/coder-32b/plan: 'g2-gpu-rtx4000-s' is not in the catalog; choose from: g2-gpu-rtx4000a" in said


def test_a_model_that_cannot_fit_stops_before_anything_is_created(raw: dict[str, str]) -> None:
    said = faults(raw | {"plan": "g2-gpu-rtx4000a1-s"})
    assert "stacks/coder-32b/model: qwen2.5-coder-32b has 18.0 GiB of weights on each of 1 cards of 20.0 GiB" in said
    assert "see what does: fab fit qwen2.5-coder-32b --context 32768" in said


def test_force_rents_although_it_does_not_fit(raw: dict[str, str]) -> None:
    forced = raw | {"plan": "g2-gpu-rtx4000a1-s", "force": "true"}
    assert Settings.from_config("coder-32b", forced).plan.name == "g2-gpu-rtx4000a1-s"


@pytest.mark.parametrize(("text", "expected"), [("30", 30), ("90s", 1.5), ("30m", 30), ("8h", 480)])
def test_durations_are_minutes_unless_they_say_otherwise(text: str, expected: float) -> None:
    assert minutes(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-5", "1d", "nan", "1e400"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        minutes(text)


def test_a_missing_login_key_says_how_to_make_it(raw: dict[str, str]) -> None:
    assert "source scripts/env coder-32b" in faults(raw | {"sshPublicKey": ""})


def test_the_local_cloud_must_run_before_a_local_stack_means_anything(raw: dict[str, str]) -> None:
    said = faults(defaults() | shipped("local") | {"sshPublicKey": raw["sshPublicKey"]})
    assert "the local cloud is not running; start it: source scripts/env local" in said


def test_the_shipped_stacks_have_ports_of_their_own() -> None:
    assert len({own_port(stack) for stack in SHIPPED}) == len(SHIPPED)


def test_a_box_reaches_a_loopback_api_from_its_own_side(raw: dict[str, str]) -> None:
    settings = Settings.from_config("coder-32b", raw | {"url": "http://127.0.0.1:8470/"})
    assert (settings.api_url, settings.box_api_url) == ("http://127.0.0.1:8470", "http://198.51.100.1:8470")


@pytest.mark.parametrize("host", ["example.net", "127.0.0.1.example.net", "127.0.0.1@example.net", "127.0.0.1:1@x.y"])
def test_an_api_elsewhere_must_be_encrypted_because_it_gets_the_token(host: str, raw: dict[str, str]) -> None:
    assert "would carry the token in clear" in faults(raw | {"url": f"http://{host}"})


def test_a_box_token_never_shows_when_settings_are_printed(raw: dict[str, str]) -> None:
    assert "planted" not in repr(Settings.from_config("coder-32b", raw | {"boxToken": "planted"}))


def test_cards_and_sequences_that_nobody_named_are_chosen(raw: dict[str, str]) -> None:
    settings = Settings.from_config("coder-32b", raw)
    assert (settings.tp, settings.max_num_seqs) == (2, 8)


@pytest.mark.parametrize(
    ("key", "value", "fact"),
    [
        ("tp", "3", "tensor parallelism of 3 needs 3 cards"),
        ("kvCacheDtype", "int2", "stacks/coder-32b/kvCacheDtype: 'int2' is unknown; choose from: auto, fp8"),
        ("maxNumSeqs", "1.5", "stacks/coder-32b/maxNumSeqs: '1.5' is not a whole number"),
        ("gpuMemoryUtilization", "1.2", "'1.2' is more than vLLM can have of a card; write a number up to 0.97"),
        ("gpuMemoryUtilization", "0.5", "stacks/coder-32b/model: qwen2.5-coder-32b"),
        ("vllmArgs", "--trust-remote-code", "stacks/coder-32b/vllmArgs: --trust-remote-code"),
        ("vllmArgs", "--host=0.0.0.0", "stacks/coder-32b/vllmArgs: --host"),
        ("vllmArgs", "--max-model-len 9", "daybox:context"),
        ("vllmArgs", "--max-num-batched-tokens 9", "daybox:maxNumBatchedTokens"),
        ("maxNumBatchedTokens", "4", "stacks/coder-32b/maxNumBatchedTokens: 4 are fewer than the 8 of maxNumSeqs"),
        ("maxNumBatchedTokens", "9000", "9000 are more than 8192, whose memory nobody measured; lower it"),
        ("port", "70000", "stacks/coder-32b/port: '70000' is no port; write a number up to 65535"),
        ("sshPublicKey", "~no-such-user/x.pub", "'~no-such-user/x.pub' is in nobody's home; write the whole path"),
        ("maxLifetimeMinutes", "9999999h", "'9999999h' is more than 31 days; rent by the day"),
        ("context", "1e308", "'1e308' is not a whole number up to 1000000000"),
        ("plan", "local-cpu", "stacks/coder-32b/plan: linode has no local-cpu; see fab plans --cloud linode"),
    ],
)
def test_what_vllm_would_refuse_or_must_not_be_told_is_a_fault(
    raw: dict[str, str], key: str, value: str, fact: str
) -> None:
    assert fact in faults(raw | {key: value})


def test_more_words_for_vllm_come_last(raw: dict[str, str]) -> None:
    settings = Settings.from_config("coder-32b", raw | {"vllmArgs": "--stream-interval 2"})
    assert vllm_words(settings)[-2:] == ["--stream-interval", "2"]


def test_more_tokens_in_one_step_are_told_to_vllm_and_sized(raw: dict[str, str]) -> None:
    """A window that slides keeps what is in flight."""
    more = raw | {"model": "gpt-oss-20b", "maxNumBatchedTokens": "8192"}
    usual = Settings.from_config("coder-32b", more | {"maxNumBatchedTokens": ""})
    settings = Settings.from_config("coder-32b", more)
    assert "--max-num-batched-tokens=8192" in vllm_words(settings)
    assert settings.fit.kv_gib > usual.fit.kv_gib


def test_drafts_where_they_corrupt_are_refused(raw: dict[str, str]) -> None:
    drafts = raw | {"vllmArgs": "--speculative-config.method ngram"}
    assert Settings.from_config("coder-32b", drafts).vllm_args
    said = faults(drafts | {"model": "qwen3.8-27b"})
    assert "stacks/coder-32b/vllmArgs: drafts corrupt what qwen3.8-27b writes" in said


def test_the_usual_context_is_that_of_pulumi_yaml() -> None:
    assert defaults()["context"] == str(USUAL_CONTEXT)


def test_a_secret_can_be_anything_and_is_not_checked(raw: dict[str, str]) -> None:
    assert Reading("coder-32b", raw | {"sshFrom": Secret("[secret]")}).faults == []


def test_a_turing_card_is_told_to_compute_in_16_bits_that_it_knows(raw: dict[str, str]) -> None:
    old = Settings.from_config("coder-32b", raw | {"plan": "g1-gpu-rtx6000-2", "region": "us-east"})
    assert "--dtype=half" in vllm_words(old)
    assert "--dtype=half" not in vllm_words(Settings.from_config("coder-32b", raw))


def test_a_second_model_that_does_not_fit_beside_the_first_stops_before_anything_is_created(
    raw: dict[str, str],
) -> None:
    said = faults(raw | {"architect": "qwen3-coder-30b-awq"})
    assert said.startswith("stacks/coder-32b/architect: qwen3-coder-30b-awq does not fit beside qwen2.5-coder-32b on ")
    assert "both fit with" in said or "no context is short enough" in said


def test_a_second_model_that_fits_has_a_name_of_its_own(raw: dict[str, str]) -> None:
    settings = Settings.from_config("coder-32b", raw | {"architect": "qwen2.5-coder-0.5b", "context": "8192"})
    assert (settings.served_name, settings.architect_name) == (
        "daybox-qwen2.5-coder-32b",
        "daybox-qwen2.5-coder-0.5b",
    )
    assert [model.name for model in settings.models] == ["qwen2.5-coder-32b", "qwen2.5-coder-0.5b"]


def test_two_models_of_one_name_are_refused(raw: dict[str, str]) -> None:
    said = faults(
        raw | {"architect": "qwen2.5-coder-0.5b", "context": "8192", "servedName": "daybox-qwen2.5-coder-0.5b"}
    )
    assert said == (
        "stacks/coder-32b/servedName: daybox-qwen2.5-coder-0.5b is the name of the second model; "
        "choose another, or leave it empty"
    )


def test_an_unknown_second_model_names_the_nearest(raw: dict[str, str]) -> None:
    said = faults(raw | {"architect": "qwen3.8-27"})
    assert said.startswith("stacks/coder-32b/architect: 'qwen3.8-27' is not in the catalog; choose from: qwen3.8-27b")


def test_a_volume_must_hold_both_models(raw: dict[str, str]) -> None:
    both = raw | {"architect": "qwen2.5-coder-7b-awq", "context": "8192", "force": "true", "volume": "true"}
    assert Settings.from_config("coder-32b", both).volume_gib > Settings.from_config("coder-32b", raw).volume_gib
    assert faults(both | {"volumeGib": "24"}).startswith(
        "stacks/coder-32b/volumeGib: qwen2.5-coder-32b and qwen2.5-coder-7b-awq with vLLM's cache need 28; "
    )
