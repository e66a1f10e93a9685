"""Starting aider: probed before, asked after, its exit status passed on."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from playbooks import aider
from playbooks.aider import (
    dotenv_files,
    find_aider,
    refuse_breaking_files,
    report_failures,
    run_aider,
    run_in_foreground,
)
from playbooks.tunnel_files import tunnel_dir
from playbooks.witness import witness_of
from stacks.box import Box
from stacks.catalog import MODELS
from stacks.errors import BoxError, ConfigError, ModelError, UsageError
from tests.playbooks.fake_box import CLIENT_KEY, SERVED, GatewayWorld, free_port, gateway_world

NOTHING = {"requests": 0, "failed": 0}


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
    program = tmp_path / "cache" / "aider" / aider.AIDER_VERSION / "bin" / "aider"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\n{body}")
    program.chmod(0o755)
    return program


def test_the_model_is_asked_before_aider_starts_and_its_status_is_passed_on(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pretend_aider(tmp_path, "import sys; print(sys.argv); sys.exit(3)")
    assert run_aider(box(world.port), ["--message", "a  b", "c.py"]) == 3
    assert [asked["path"] for asked in world.box.asked] == ["/v1/models", "/v1/chat/completions"]
    out, err = capfd.readouterr()
    assert "'--message', 'a  b', 'c.py'" in out
    assert err == aider.PINNED_LINE + "\n"


def test_aider_runs_in_the_users_own_folder_and_its_files_lie_elsewhere(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "import os; open('was-here', 'w').write(os.getcwd())")
    run_aider(box(world.port), [])
    assert [file.name for file in Path.cwd().iterdir()] == ["was-here"]
    files = sorted((tmp_path / "state/stacks/s/aider").iterdir())
    assert [(file.name, stat.S_IMODE(file.stat().st_mode)) for file in files] == [
        ("model.metadata.json", 0o600),
        ("model.settings.yml", 0o600),
    ]
    assert CLIENT_KEY in files[1].read_text()


def test_no_secret_is_in_aiders_arguments_or_environment(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "import os, sys; open('seen', 'w').write(str(sys.argv) + str(dict(os.environ)))")
    run_aider(box(world.port), [])
    assert CLIENT_KEY not in Path("seen").read_text()


def test_with_a_closed_tunnel_aider_is_not_started(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "open('started', 'w')")
    with pytest.raises(BoxError) as caught:
        run_aider(box(free_port()), [])
    assert caught.value.hint == "open it: fab tunnel"
    assert not Path("started").exists()


def test_with_another_model_behind_the_port_aider_is_not_started(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "open('started', 'w')")
    with pytest.raises(ModelError, match="not another"):
        run_aider(box(world.port, served="another"), [])
    assert not Path("started").exists()


FAILING = """
import json, sys, urllib.error, urllib.request, yaml
pin = yaml.safe_load(open(sys.argv[sys.argv.index("--model-settings-file") + 1]))[-1]["extra_params"]
url, key = pin["api_base"], pin["api_key"]
request = urllib.request.Request(url + "/chat/completions", b"{}", {"Authorization": "Bearer " + key})
try:
    urllib.request.urlopen(request)
except urllib.error.HTTPError:
    pass
"""


def test_when_no_request_was_answered_the_launcher_says_so_although_aider_says_0(
    world: GatewayWorld, tmp_path: Path
) -> None:
    pretend_aider(tmp_path, f"import os; os.kill({os.getpid()}, {int(signal.SIGUSR1)})\n" + FAILING)
    signal.signal(signal.SIGUSR1, lambda *_: setattr(world.state, "up", False))
    try:
        with pytest.raises(ModelError, match="none of its 1 requests was answered"):
            run_aider(box(world.port), [])
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


@pytest.mark.parametrize("after", [NOTHING, {"requests": 2, "failed": 1}, {"requests": 2, "failed": 0}])
def test_one_answered_request_or_none_at_all_is_no_failure(after: dict[str, int]) -> None:
    report_failures(NOTHING, after)


def test_only_what_aider_itself_asked_counts() -> None:
    with pytest.raises(ModelError):
        report_failures({"requests": 5, "failed": 0}, {"requests": 7, "failed": 2})


def test_a_model_that_this_checkout_does_not_know_is_an_error(world: GatewayWorld, tmp_path: Path) -> None:
    pretend_aider(tmp_path, "")
    with pytest.raises(ConfigError, match="stacks/s/model: 'odd' is not in the catalog"):
        run_aider(box(world.port, model="odd"), [])


def test_a_missing_aider_is_an_error_with_the_command_that_brings_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        find_aider()
    assert caught.value.hint.startswith("scripts/setup")


def test_aider_on_path_is_good_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "aider").write_text("#!/bin/sh\n")
    (tmp_path / "aider").chmod(0o755)
    assert find_aider() == str(tmp_path / "aider")


def test_the_dotenv_files_are_those_that_aider_loads(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "root"
    inner = root / "a" / "b"
    for folder in (home, inner, root / ".git"):
        folder.mkdir(parents=True)
    for folder in (home, root, root / "a", inner):
        (folder / ".env").write_text("")
    assert dotenv_files(inner, home) == [home / ".env", root / ".env", inner / ".env"]


@pytest.mark.parametrize("line", ["GITHUB_COPILOT_TOKEN=x", " export GITHUB_COPILOT_TOKEN = x"])
def test_a_dotenv_with_which_aider_does_nothing_and_says_0_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"A=1\n{line}\n")
    with pytest.raises(ConfigError, match="sets GITHUB_COPILOT_TOKEN"):
        refuse_breaking_files([tmp_path / ".env"])


@pytest.mark.parametrize("line", ["", "# GITHUB_COPILOT_TOKEN=x", "OPENAI_API_KEY=x"])
def test_any_other_dotenv_is_left_to_the_pins(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(line)
    refuse_breaking_files([tmp_path / ".env"])


def test_ctrl_c_reaches_the_program_and_not_the_launcher() -> None:
    """As in a terminal, where both get it."""
    script = (
        "import os, signal, sys\n"
        "os.kill(os.getppid(), signal.SIGINT)\n"
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)\n"
        "sys.exit(7)\n"
    )
    call = f"run_in_foreground({[sys.executable, '-c', script]!r}, {{}})"
    launcher = f"from playbooks.aider import run_in_foreground; import sys; sys.exit({call})"
    root = Path(aider.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", launcher], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "True\n")


def test_the_own_handler_of_ctrl_c_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert run_in_foreground([sys.executable, "-c", ""], {}) == 0
    assert signal.getsignal(signal.SIGINT) is before


def test_aider_is_pointed_to_what_stands_before_the_gateway_and_the_gateway_is_tried_itself(
    world: GatewayWorld, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a recorder: it needs to prove nothing, because we have just started it."""
    pretend_aider(tmp_path, "import os; print(os.environ['OPENAI_API_BASE'])")
    run_aider(box(world.port), [], port=4321)
    assert capfd.readouterr().out == "http://127.0.0.1:4321/v1\n"
    assert [asked["path"] for asked in world.box.asked] == ["/v1/models", "/v1/chat/completions"]
