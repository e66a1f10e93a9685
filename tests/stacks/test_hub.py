"""Any model of the Hub, read through the real huggingface_hub from a Hub on loopback."""

import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stacks import hub as hub_module
from stacks.attention import Full
from stacks.errors import CloudError, ConfigError, DayboxError, ModelError, UsageError
from stacks.hub import Hub, read_model
from stacks.hub_config import INDEX
from stacks.models import BF16, NVFP4
from tests.stacks.hub_double import COMMIT, MODEL, NOBODY, HubDouble, Reply, refusal, running

CONFIG = {
    "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32, "num_hidden_layers": 32,
    "num_key_value_heads": 8, "max_position_embeddings": 131072,
}  # fmt: skip
LISTING = f"/api/models/{MODEL}/revision/main"
PARTS = {"model-00001-of-00002.safetensors": 9_000_000_000, "model-00002-of-00002.safetensors": 7_060_000_000}
AGAIN = "try again later; `fab models` lists what daybox knows without the Hub"
ANOTHER = "choose another form of it, or a model that `fab models` lists"


def repository() -> HubDouble:
    """A model in two pieces, with a third that the index does not name."""
    index = {"metadata": {"total_size": 1}, "weight_map": {name: name for name in PARTS}}
    files = {
        "config.json": json.dumps(CONFIG),
        INDEX: json.dumps(index),
        "tokenizer_config.json": json.dumps({"chat_template": "{{ messages }}"}),
        "README.md": "words",
    }
    return HubDouble(files, {**PARTS, "consolidated.safetensors": 16_060_000_000})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubDouble]:
    """The Hub to which this process's environment points; nobody is logged in, nothing is kept."""
    from huggingface_hub import close_session, constants

    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    close_session()
    with running(repository()) as double:
        monkeypatch.setenv("HF_ENDPOINT", double.url)
        yield double


def site(hub: HubDouble) -> str:
    return hub.url.removeprefix("http://")


def name_of(value: object) -> str:
    """A test's name for one of its values."""
    if isinstance(value, Reply):
        return f"{value.status} {value.headers.get('X-Error-Message') or value.body}"[:40]
    return value.__name__ if isinstance(value, type) else str(value)[:40]


def error() -> DayboxError:
    """What reading the model ends with."""
    with pytest.raises(DayboxError) as caught:
        read_model(MODEL)
    return caught.value


def test_a_model_is_read_with_all_that_sizing_needs(hub: HubDouble) -> None:
    model = read_model(MODEL)
    assert (model.name, model.hub_id, model.revision) == ("model-8b", MODEL, COMMIT)
    assert (model.weights_gb, model.billions, model.quantization) == (16.06, 8.03, BF16)
    assert (model.family.attention, model.family.licence) == ((Full(32, 8, 128),), "apache-2.0")


def test_a_damaged_file_in_the_cache_is_fetched_anew(hub: HubDouble, tmp_path: Path) -> None:
    read_model(MODEL)
    [kept] = (tmp_path / "cache/hub").rglob("config.json")
    for damage in (b"{", b"\xff", b"[]"):
        kept.write_bytes(damage)
        assert read_model(MODEL).name == "model-8b"


def test_one_listing_and_three_small_files_are_asked_for_and_no_weights(hub: HubDouble) -> None:
    read_model(MODEL)
    files = [f"GET /{MODEL}/resolve/{COMMIT}/{name}" for name in ("config.json", INDEX, "tokenizer_config.json")]
    assert hub.requests[0] == f"GET {LISTING}"
    assert sorted(hub.requests[1:]) == sorted(files)


def test_what_a_commit_holds_is_fetched_once(hub: HubDouble) -> None:
    first = read_model(MODEL)
    hub.requests.clear()
    assert read_model(MODEL) == first
    assert hub.requests == [f"GET {LISTING}"]


def test_older_modelopt_says_beside_config_json_how_weights_are_kept(hub: HubDouble) -> None:
    hub.files["hf_quant_config.json"] = json.dumps({"quantization": {"quant_algo": "NVFP4"}, "producer": {}})
    assert read_model(MODEL).quantization == NVFP4


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ({"license": "other", "license_name": "qwen-research"}, "qwen-research"),
        ({"license": "other"}, "other"),
        ({"license": ["mit", "apache-2.0"]}, "unknown"),
        ({}, "unknown"),
        (None, "unknown"),
    ],
    ids=str,
)
def test_the_licence_is_the_cards_or_unknown(hub: HubDouble, card: object, licence: str) -> None:
    hub.said = {"cardData": card}
    assert read_model(MODEL).family.licence == licence


@pytest.mark.parametrize("counted", [None, {"parameters": {}, "total": None}, {"parameters": {}, "total": 10**400}])
def test_parameters_that_the_hub_did_not_count_are_unknown(hub: HubDouble, counted: object) -> None:
    hub.said = {"safetensors": counted}
    assert read_model(MODEL).billions == 0


def test_a_model_that_was_renamed_goes_by_its_new_name(hub: HubDouble) -> None:
    hub.instead["/api/models/old/name/revision/main"] = Reply(307, headers={"Location": f"{hub.url}{LISTING}"})
    assert read_model("old/name").hub_id == MODEL


def test_a_token_goes_to_the_hub_and_opens_what_is_gated(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated, hub.token = True, "hf_right"
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert read_model(MODEL).name == "model-8b"
    assert all(request.endswith(" hf_right") for request in hub.requests)


def test_a_token_does_not_follow_to_where_the_hub_stores_a_file(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    with running(HubDouble({}, {}, instead={"/store": Reply(body=json.dumps(CONFIG))})) as store:
        hub.instead[f"/{MODEL}/resolve/{COMMIT}/config.json"] = Reply(302, headers={"Location": f"{store.url}/store"})
        assert read_model(MODEL).name == "model-8b"
        assert store.requests == ["GET /store"]


@pytest.mark.parametrize(
    ("endpoint", "token"),
    [
        ("https://hub.example", "hf_right"),
        ("http://127.0.0.1:1", "hf_right"),
        ("http://[::1]:1", "hf_right"),
        ("http://hub.example", False),
        ("http://127.0.0.1.hub.example", False),
    ],
)
def test_a_token_travels_only_where_nobody_can_read_it(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch, endpoint: str, token: str | bool
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert Hub(endpoint).token() == token


@pytest.mark.parametrize("token", ["", "hf_other"])
def test_a_gated_model_says_how_to_get_in(hub: HubDouble, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    hub.gated, hub.token = True, "hf_right"
    monkeypatch.setenv("HF_TOKEN", token)
    caught = error()
    assert isinstance(caught, ModelError)
    assert caught.line() == (
        f"{site(hub)}/{MODEL}: it is gated; "
        "accept its licence on that page, then set HF_TOKEN to a token of the account that did"
    )


@pytest.mark.parametrize("token", ["", "hf_right"])
def test_a_model_that_is_not_there_is_one_line(hub: HubDouble, monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    """Without a token the Hub says 401, with one 404."""
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(ModelError) as caught:
        read_model("some/other")
    assert caught.value.line() == (
        f"{site(hub)}/some/other: there is no such model, or it is private; "
        "check the name on that page; for a private one set HF_TOKEN"
    )


DISABLED = "Access to this resource is disabled."
NETWORK = "open that page: a proxy or the sign-in of a network may stand in between"
REFUSALS = [
    (refusal(401, "", "Invalid credentials in Authorization header"), ConfigError,
     "HF_TOKEN: {site} does not know this token; set a valid one, or unset it"),
    (refusal(401, "", NOBODY), ModelError,
     "{path}: there is no such model, or it is private; check the name on that page; for a private one set HF_TOKEN"),
    (refusal(403, "", "Forbidden"), ModelError, "{path}: this token may not read it; set HF_TOKEN to one that may"),
    (refusal(403, "", DISABLED), ModelError, f"{{path}}: the Hub has disabled it; {ANOTHER}"),
    (refusal(404, "RevisionNotFound", "Invalid rev id"), ModelError, f"{{path}}: it has no branch `main`; {ANOTHER}"),
    (Reply(404, "<html>", "text/html"), ModelError,
     "{path}: there is no such model, or it is private; check the name on that page; for a private one set HF_TOKEN"),
    (refusal(429, "", "Too many"), CloudError,
     "{site}: it was asked too often (HTTP 429); wait some minutes, or set HF_TOKEN"),
    (Reply(500, "<html>", "text/html"), CloudError, f"{{site}}: it answered HTTP 500; {AGAIN}"),
    (Reply(503), CloudError, f"{{site}}: it answered HTTP 503; {AGAIN}"),
    (Reply(418, "{}"), CloudError, f"{{site}}: it answered HTTP 418; {AGAIN}"),
    (Reply(418, "[]"), CloudError, f"{{path}}: what answered is not the Hub, or not as it should be; {NETWORK}"),
    (Reply(200, "<html>Sign in</html>", "text/html"), CloudError,
     f"{{path}}: what answered is not the Hub, or not as it should be; {NETWORK}"),
    (Reply(200, "[]"), CloudError, f"{{path}}: what answered is not the Hub, or not as it should be; {NETWORK}"),
    (Reply(200, "{}"), CloudError, f"{{path}}: what answered is not the Hub, or not as it should be; {NETWORK}"),
    (Reply(200, json.dumps({"id": MODEL})), CloudError,
     f"{{path}}: what answered is not the Hub, or not as it should be; {NETWORK}"),
    (Reply(200, json.dumps({"id": "../../x", "sha": COMMIT})), CloudError,
     f"{{path}}: what answered is not the Hub, or not as it should be; {NETWORK}"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "kind", "line"), REFUSALS, ids=name_of)
def test_every_answer_that_is_none_has_its_own_line(
    hub: HubDouble, reply: Reply, kind: type[DayboxError], line: str
) -> None:
    hub.instead[LISTING] = reply
    caught = error()
    assert type(caught) is kind
    assert caught.line() == line.format(site=site(hub), path=f"{site(hub)}/{MODEL}")
    assert hub.requests == [f"GET {LISTING}"], "asked once"


FILE = f"/{MODEL}/resolve/{COMMIT}/config.json"


@pytest.mark.parametrize(
    ("reply", "kind", "line"),
    [
        (Reply(503), CloudError, f"{{site}}: it answered HTTP 503; {AGAIN}"),
        (refusal(404, "EntryNotFound", "Entry not found"), ModelError,
         "{path}: a file of its list is not there; try again: it may just have changed"),
        (Reply(200, "<html>Sign in</html>", "text/html; charset=utf-8"), CloudError,
         f"{{path}}: what answered is not the Hub, or not as it should be; {NETWORK}"),
        (Reply(200, "model_type: llama"), ModelError, f"{{path}}/config.json: it is no object in JSON; {ANOTHER}"),
        (Reply(200, "[" * 100_000), ModelError, f"{{path}}/config.json: it is no object in JSON; {ANOTHER}"),
        (Reply(200, "7"), ModelError, f"{{path}}/config.json: it is no object in JSON; {ANOTHER}"),
    ],
    ids=name_of,
)  # fmt: skip
def test_every_way_in_which_a_file_does_not_come_has_its_own_line(
    hub: HubDouble, reply: Reply, kind: type[DayboxError], line: str
) -> None:
    hub.instead[FILE] = reply
    caught = error()
    assert type(caught) is kind
    assert caught.line() == line.format(site=site(hub), path=f"{site(hub)}/{MODEL}")


def test_a_file_that_was_not_json_is_asked_for_again(hub: HubDouble) -> None:
    hub.instead[FILE] = Reply(200, "half")
    error()
    hub.instead.clear()
    assert read_model(MODEL).name == "model-8b"


def test_a_hub_that_does_not_answer_in_time_is_named(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "TIMEOUT_S", 0.2)
    hub.instead[LISTING] = Reply(wait_s=1)
    caught = error()
    assert isinstance(caught, CloudError)
    assert caught.line() == f"{site(hub)}: it did not answer within 10 s; {AGAIN}"


def test_a_hub_that_breaks_off_is_named(hub: HubDouble) -> None:
    hub.instead[LISTING] = Reply(body="{}", headers={"Content-Length": "1000"})
    assert error().line() == f"{site(hub)}: it cannot be reached: the connection broke off; check the network; {AGAIN}"


def test_a_hub_that_is_not_there_is_named(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    caught = error()
    assert isinstance(caught, CloudError)
    assert caught.fact.startswith(f"127.0.0.1:{port}: it cannot be reached: [Errno 111]")


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_is_said_and_nothing_is_asked(hub: HubDouble, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert error().line() == f"{site(hub)}: {name} says to stay offline; unset {name}"
    assert hub.requests == []


def test_what_huggingface_hub_was_told_before_counts_too(hub: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert error().line() == f"{site(hub)}: HF_HUB_OFFLINE says to stay offline; unset HF_HUB_OFFLINE"


@pytest.mark.parametrize("endpoint", ["hub", "ftp://hub.example", "https://", "http://[::1"])
def test_an_endpoint_that_is_no_address_is_named(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    caught = error()
    assert isinstance(caught, ConfigError)
    assert caught.fact == f"HF_ENDPOINT: {endpoint.rstrip('/')!r} is no address of a Hub"


@pytest.mark.parametrize("token", ["“hf_right”", "hf_\x0bright"])
def test_a_token_that_no_header_may_hold_is_named_and_not_shown(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    assert error().line() == (
        "HF_TOKEN: gave what no token is: a space or a sign that none has; run it by hand, or copy the token anew"
    )
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("huggingface_hub.get_token", lambda: token)  # of its login
    assert error().line() == "HF_TOKEN: it holds what no token holds; copy it anew, or unset it"


@pytest.mark.parametrize("name", ["model", "a/b/c", "../x", "some/", "some/..", "some/x--y", "some/ü", ""])
def test_what_is_no_name_on_the_hub_is_not_asked_for(hub: HubDouble, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_model(name)
    assert caught.value.line() == f"{name!r} is no name on the Hub; write it as org/name"
    assert hub.requests == []


@pytest.mark.parametrize(
    ("files", "sizes", "fact"),
    [
        ({}, {"pytorch_model.bin": 5}, "/pytorch_model.bin: its weights are pickle, which runs code when read"),
        ({}, {"model-Q4_K_M.gguf": 5}, "/model-Q4_K_M.gguf: its weights are GGUF, which daybox does not serve"),
        ({"README.md": ""}, {}, ": it has no .safetensors at its top level"),
        ({}, {"adapter_model.safetensors": 5}, ": it has no config.json, so it is no whole model"),
        (
            {"config.json": "{}"},
            {"model.safetensors": 5},
            ": it has no chat template, so it goes on with a text and does not answer",
        ),
        (
            {"config.json": "{}", "chat_template.jinja": ""},
            {"model.safetensors": 0},
            "/model.safetensors: it is part of the weights, and is not there or has no size",
        ),
        (
            {"config.json": "{}"},
            {"model.safetensors": 5, "tokenizer_config.json": 10**9},
            "/tokenizer_config.json: it has more than 67108864 bytes",
        ),
    ],
    ids=name_of,
)
def test_what_daybox_does_not_serve_is_told_apart(
    hub: HubDouble, files: dict[str, str], sizes: dict[str, int], fact: str
) -> None:
    hub.files, hub.sizes = files, sizes
    caught = error()
    assert isinstance(caught, ModelError)
    assert caught.fact == f"{site(hub)}/{MODEL}{fact}"


def test_nothing_is_printed_beside_what_daybox_prints(
    hub: HubDouble, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    hub.instead[LISTING] = Reply(body=json.dumps(hub.listing()), headers={"X-HF-Warning": "login; Please log in"})
    with caplog.at_level(logging.NOTSET):
        read_model(MODEL)
    assert capfd.readouterr() == ("", "")


def test_reading_the_hub_costs_nothing_until_it_is_asked_for() -> None:
    probe = "import sys, stacks.hub; print([n for n in ('huggingface_hub', 'httpx2') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_nobody_is_told_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """huggingface_hub reads the variable when it is imported, so only a fresh process shows it."""
    monkeypatch.delenv("HF_HUB_DISABLE_TELEMETRY", raising=False)
    asked = "from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    probe = f"from stacks.hub import quiet; quiet(); {asked}"
    assert subprocess.check_output([sys.executable, "-c", probe], text=True) == "True\n"
