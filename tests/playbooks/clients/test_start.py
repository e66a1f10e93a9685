"""Starting a client: probed before, asked after, its exit status passed on; aider's place is taken by a program."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks.clients.aider import AIDER
from playbooks.clients.client import Conflict
from playbooks.clients.in_use import in_use
from playbooks.clients.program import dotted
from playbooks.clients.start import (
    PINNED_LINE,
    SEALED_LINE,
    Door,
    none_wins,
    report_failures,
    start_client,
    why_open,
)
from playbooks.tunnel_files import tunnel_dir
from playbooks.witness import witness_of
from stacks.box import Box
from stacks.catalog import MODELS
from stacks.errors import BoxError, ConfigError, LeakError, ModelError, UsageError
from tests.playbooks.clients.test_aider import WAY
from tests.playbooks.fake_box import CLIENT_KEY, SERVED, GatewayWorld, free_port, gateway_world

NOTHING = {"requests": 0, "failed": 0, "down": 0, "overflow": 0}
needs_seal = pytest.mark.skipif(bool(why_open(None)), reason=f"no seal here: {why_open(None)}")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayWorld]:
    """An open gateway whose keys are those of stack `s`; the current folder is an empty one."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with gateway_world(tunnel_dir("s"), witness=lambda port: witness_of(box(port))) as running:
        yield running


def box(port: int, *, served: str = SERVED, model: str = MODELS[0].name) -> Box:
    numbers = {"instance_id": 1, "usd_per_hour": None, "port": port, "idle_minutes": 30}
    texts = {field: "" for field in Box.__dataclass_fields__ if field not in numbers}
    return Box(**{**texts, **numbers, "stack": "s", "served_name": served, "model": model})  # type: ignore[arg-type]


def pretend_aider(tmp_path: Path, body: str) -> Path:
    """A program in aider's place."""
    program = tmp_path / "cache" / "aider" / dotted(AIDER.oldest) / "bin" / "aider"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\n{body}")
    program.chmod(0o755)
    return program


def test_the_model_is_asked_before_the_client_starts_and_its_status_is_passed_on(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pretend_aider(tmp_path, "import sys; print(sys.argv); sys.exit(3)")
    assert start_client(box(world.port), AIDER, ["--message", "a  b", "c.py"], sealed=False) == 3
    assert [asked["path"] for asked in world.box.asked] == ["/v1/models", "/v1/chat/completions"]
    out, err = capfd.readouterr()
    assert "'--message', 'a  b', 'c.py'" in out
    assert err == f"aider: not sealed: as you asked; {PINNED_LINE}\n"


@pytest.mark.parametrize("sealed", [pytest.param(True, marks=needs_seal), False])
def test_it_runs_in_the_users_own_folder_and_its_files_lie_elsewhere(
    world: GatewayWorld, tmp_path: Path, sealed: bool
) -> None:
    pretend_aider(tmp_path, "import os; open('was-here', 'w').write(os.getcwd())")
    start_client(box(world.port), AIDER, [], sealed=sealed)
    assert [file.name for file in Path.cwd().iterdir()] == ["was-here"]
    folder = tmp_path / "state/stacks/s/clients/aider"
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in sorted(folder.iterdir())] == [
        ("model.metadata.json", 0o600),
        ("model.settings.yml", 0o600),
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert CLIENT_KEY in (folder / "model.settings.yml").read_text()


def test_no_secret_is_in_arguments_or_environment(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "import os, sys; open('seen', 'w').write(str(sys.argv) + str(dict(os.environ)))")
    start_client(box(world.port), AIDER, [], sealed=False)
    assert CLIENT_KEY not in Path("seen").read_text()


ASKING = """
import json, os, sys, urllib.error, urllib.request, yaml
pin = yaml.safe_load(open(sys.argv[sys.argv.index("--model-settings-file") + 1]))[-1]["extra_params"]
url, key = pin["api_base"], pin["api_key"]
request = urllib.request.Request(url + "/chat/completions", b'{"model": "coder"}', {"Authorization": "Bearer " + key})
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print(error)
"""
REACHING = """
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), 2)
    print("reached")
except OSError as error:
    print("refused")
"""


@pytest.mark.parametrize("sealed", [pytest.param(True, marks=needs_seal), False])
def test_sealed_or_not_it_reaches_the_gateway_with_its_own_key(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str], sealed: bool
) -> None:
    pretend_aider(tmp_path, ASKING)
    assert start_client(box(world.port), AIDER, [], sealed=sealed) == 0
    assert capfd.readouterr().out == "200\n"


@needs_seal
def test_sealed_it_reaches_no_other_port_of_this_laptop(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with subprocess.Popen([sys.executable, "-m", "http.server", "0"], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        port = int(other.stdout.readline().split("port ")[1].split()[0])
        try:
            pretend_aider(tmp_path, REACHING.format(port=port))
            start_client(box(world.port), AIDER, [], sealed=False)
            start_client(box(world.port), AIDER, [])
        finally:
            other.kill()
    out, err = capfd.readouterr()
    assert out == "reached\nrefused\n"
    assert f"aider: {SEALED_LINE}\n" in err


def test_with_a_closed_tunnel_nothing_is_started(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "open('started', 'w')")
    with pytest.raises(BoxError) as caught:
        start_client(box(free_port()), AIDER, [], sealed=False)
    assert caught.value.hint == "open it: fab tunnel"
    assert not Path("started").exists()


def test_with_another_model_behind_the_port_nothing_is_started(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "open('started', 'w')")
    with pytest.raises(ModelError, match="not another"):
        start_client(box(world.port, served="another"), AIDER, [], sealed=False)
    assert not Path("started").exists()


def test_a_window_that_is_too_small_is_an_error_with_the_numbers(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "open('started', 'w')")
    with pytest.raises(ModelError, match="its window of 32768 tokens is too small for aider, which needs 40000"):
        start_client(box(world.port), replace(AIDER, least_window=40_000), [], sealed=False)
    assert not Path("started").exists()


def test_when_no_request_was_answered_the_launcher_says_so_although_the_client_says_0(
    world: GatewayWorld, tmp_path: Path
) -> None:
    pretend_aider(tmp_path, f"import os; os.kill({os.getpid()}, {int(signal.SIGUSR1)})\n" + ASKING)
    signal.signal(signal.SIGUSR1, lambda *_: setattr(world.state, "up", False))
    try:
        with pytest.raises(ModelError, match="none of its 1 requests was answered"):
            start_client(box(world.port), AIDER, [], sealed=False)
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


@pytest.mark.parametrize("after", [NOTHING, {"requests": 2, "failed": 1}, {"requests": 2, "failed": 0}])
def test_one_answered_request_or_none_at_all_is_no_failure(after: dict[str, int]) -> None:
    report_failures(WAY, AIDER, NOTHING, NOTHING | after)


def test_only_what_the_client_itself_asked_counts() -> None:
    before = NOTHING | {"requests": 5}
    with pytest.raises(ModelError):
        report_failures(WAY, AIDER, before, before | {"requests": 7, "failed": 2})


def test_prompts_that_never_fitted_are_an_error_with_the_window() -> None:
    with pytest.raises(ModelError) as caught:
        report_failures(WAY, AIDER, NOTHING, NOTHING | {"requests": 1, "failed": 1, "overflow": 1})
    assert caught.value.fact == (
        "aider: 1 request was refused unread: prompt and answer do not fit into the model's window of 32768 tokens"
    )
    assert "fab switch --context" in caught.value.hint


def test_a_prompt_that_did_not_fit_among_others_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    report_failures(WAY, AIDER, NOTHING, NOTHING | {"requests": 5, "failed": 2, "overflow": 2})
    assert capsys.readouterr().err.startswith("aider: 2 requests were refused unread: prompt and answer do not fit")


def test_a_model_that_this_checkout_does_not_know_is_an_error(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "")
    with pytest.raises(ConfigError, match="stacks/s/model: 'odd' is not in the catalog"):
        start_client(box(world.port, model="odd"), AIDER, [], sealed=False)


def test_what_leads_elsewhere_and_is_overruled_is_named_without_its_value(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_aider(tmp_path, "")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://evil.invalid/v1")
    Path(".env").write_text("http_proxy=http://evil.invalid\n")
    start_client(box(world.port), AIDER, [], sealed=False)
    first, second, _ = capfd.readouterr().err.splitlines()
    assert first == "aider: the environment: OPENAI_BASE_URL: overruled"
    assert second == f"aider: {Path.cwd()}/.env: http_proxy: overruled"


def test_what_wins_over_daybox_is_an_error_of_its_own_kind_and_all_of_it_is_named() -> None:
    found = [
        Conflict("/r/.x", ("a",), wins="it is read last"),
        Conflict("/r/.y", ("b",)),
        Conflict("/r/.z", ("c",), "so"),
    ]
    with pytest.raises(LeakError) as caught:
        none_wins(AIDER, found)
    assert caught.value.exit_code == 8
    assert caught.value.fact == "aider: /r/.x: a: it is read last; /r/.z: c: so"


def test_a_client_that_is_not_installed_is_an_error_with_the_line_that_brings_it(
    world: GatewayWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UsageError) as caught:
        start_client(box(world.port), AIDER, [], sealed=False)
    assert caught.value.hint.startswith("install it: scripts/setup")


def test_a_seal_that_is_insisted_on_and_cannot_be_is_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    from playbooks import seal

    monkeypatch.setattr(seal, "refusal", lambda: "this is no Linux")
    with pytest.raises(LeakError, match="--sealed: this is no Linux"):
        why_open(True)
    assert (why_open(None), why_open(False)) == ("this is no Linux", "as you asked")


def test_it_is_pointed_to_what_stands_before_the_gateway_and_the_gateway_is_tried_itself(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a recorder: it needs to prove nothing, because we have just started it."""
    pretend_aider(tmp_path, "import os; print(os.environ['OPENAI_API_BASE'])")
    start_client(box(world.port), AIDER, [], sealed=False, recorder=Door(tmp_path / "recorder.sock", 4321))
    assert capfd.readouterr().out == "http://127.0.0.1:4321/v1\n"
    assert [asked["path"] for asked in world.box.asked] == ["/v1/models", "/v1/chat/completions"]


@pytest.mark.parametrize("sealed", [pytest.param(True, marks=needs_seal), False])
def test_beside_one_with_a_port_of_its_own_nobody_is_started_and_its_files_stay(
    world: GatewayWorld, tmp_path: Path, sealed: bool
) -> None:
    pretend_aider(tmp_path, "open('started', 'w')")
    with in_use("s", "aider", alone=True), pytest.raises(UsageError) as caught:
        start_client(box(world.port), AIDER, [], sealed=sealed)
    assert caught.value.fact.startswith(f"stacks/s/clients/aider: aider runs already (fab, process {os.getpid()}), ")
    assert not Path("started").exists()
    assert not (tmp_path / "state/stacks/s/clients/aider").exists()


@needs_seal
def test_sealed_ones_run_side_by_side_and_none_without_a_seal_beside_them(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "")
    with in_use("s", "aider", alone=False):
        assert start_client(box(world.port), AIDER, []) == 0
        with pytest.raises(UsageError, match="aider runs already, sealed, "):
            start_client(box(world.port), AIDER, [], sealed=False)


@needs_seal
def test_a_recorder_s_port_is_a_port_of_its_own(world: GatewayWorld, tmp_path: Path) -> None:
    with in_use("s", "aider", alone=False), pytest.raises(UsageError, match="aider runs already"):
        pretend_aider(tmp_path, "")
        start_client(box(world.port), AIDER, [], recorder=Door(tmp_path / "recorder.sock", 4321))


def test_as_long_as_it_runs_its_files_are_its_own_and_no_longer(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Asked from inside the client."""
    lock = str(tmp_path / "state/stacks/s/clients/aider.lock")
    pretend_aider(tmp_path, f"import fcntl\nfcntl.flock(open({lock!r}), fcntl.LOCK_SH | fcntl.LOCK_NB)")
    assert start_client(box(world.port), AIDER, [], sealed=False) == 1
    assert "BlockingIOError" in capfd.readouterr().err
    with in_use("s", "aider", alone=True):
        pass
