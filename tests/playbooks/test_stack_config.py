"""stack_config: what is changed comes back if it was in vain, and Pulumi is never killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from playbooks import stack_config
from playbooks.boxes import ROOT
from playbooks.stack_config import check_unchanged, config_set, own_file, own_text, pulumi_up_quietly
from stacks import secrets
from stacks.errors import CloudError, ConfigError
from tests.playbooks.pretend_pulumi import calls as calls


@pytest.mark.parametrize("error", [KeyboardInterrupt, CloudError("fact", hint="hint")])
def test_whatever_goes_wrong_the_old_values_come_back(
    error: BaseException, calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_config, "own_text", lambda stack, key: {"context": "8192"}.get(key))
    with pytest.raises((KeyboardInterrupt, CloudError)), config_set("s", {"context": "4096", "tp": "2"}):
        raise error
    assert calls.read_text().splitlines() == [
        "config set-all -s s --plaintext daybox:context=4096 --plaintext daybox:tp=2",
        "config set-all -s s --plaintext daybox:context=8192",
        "config rm-all -s s daybox:tp",
    ]


def test_what_was_written_before_pulumi_refused_the_rest_comes_back_too(
    calls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in = calls.parent / "pulumi"
    stand_in.write_text(f'{stand_in.read_text()}[ "$2" != rm-all ] || exit 1\n')
    monkeypatch.setattr(stack_config, "own_text", lambda stack, key: "8192")
    with pytest.raises(ConfigError), config_set("s", {"context": "4096", "tp": None}):
        pytest.fail("it was not written")
    assert calls.read_text().splitlines()[-1] == (
        "config set-all -s s --plaintext daybox:context=8192 --plaintext daybox:tp=8192"
    )


@pytest.mark.parametrize(
    ("text", "own"),
    [("config: {daybox:maxLifetimeMinutes: '480'}", "480"), ("config: {daybox:plan: local-cpu}", None), ("", None)],
)
def test_only_what_the_stacks_own_file_says_is_put_back(
    text: str, own: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "Pulumi.s.yaml"
    file.write_text(text)
    monkeypatch.setattr("stacks.stack_file.path_of", lambda stack: file)
    assert own_text("s", "maxLifetimeMinutes") == own


def test_a_value_that_is_a_secret_is_not_written_in_clear(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "Pulumi.s.yaml"
    file.write_text("config: {daybox:sshFrom: {secure: v1:abc}}")
    monkeypatch.setattr("stacks.stack_file.path_of", lambda stack: file)
    with pytest.raises(ConfigError) as caught, config_set("s", {"context": "4096", "sshFrom": "203.0.113.7/32"}):
        pytest.fail("it was written")
    assert caught.value.line() == (
        "stacks/s/sshFrom: is set with --secret, and would stand there in clear;"
        " pulumi config set -s s --secret daybox:sshFrom, then pulumi up -s s"
    )
    assert not calls.exists()


def test_ctrl_c_lets_pulumi_end_by_itself(tmp_path: Path) -> None:
    """In a terminal both get it. A Pulumi that were killed would leave its lock behind."""
    lines = (
        "#!/bin/sh",
        f"trap 'sleep 0.5; echo orderly >{tmp_path}/end; exit 7' INT",
        f"touch {tmp_path}/up",
        "while :; do sleep 0.1; done",
    )
    (tmp_path / "pulumi").write_text("\n".join(lines))
    (tmp_path / "pulumi").chmod(0o755)
    script = "from playbooks.stack_config import pulumi_up; print(pulumi_up('s', show=False))"
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | path, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as fab:
        while not (tmp_path / "up").exists():
            time.sleep(0.02)
        os.killpg(fab.pid, signal.SIGINT)
        said, _ = fab.communicate(timeout=30)
    assert (said.strip(), (tmp_path / "end").read_text()) == ("7", "orderly\n")


@pytest.mark.parametrize(("status", "said"), [(0, ""), (3, "why it failed")])
def test_a_quiet_up_is_heard_only_if_it_fails(
    status: int, said: str, calls: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (calls.parent / "pulumi").write_text(f"#!/bin/sh\necho why it failed >&2\nexit {status}\n")
    assert pulumi_up_quietly("s") == status
    heard = capfd.readouterr()
    assert (heard.out, heard.err.strip()) == ("", said)


def test_what_a_quiet_up_said_is_shown_without_the_token(
    calls: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "_seen", {"a-token-of-an-account"})
    (calls.parent / "pulumi").write_text("#!/bin/sh\necho Authorization: Bearer a-token-of-an-account\nexit 1\n")
    pulumi_up_quietly("s")
    assert capfd.readouterr().err.strip() == "Authorization: Bearer ***"


def test_a_stack_that_somebody_changed_meanwhile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "Pulumi.s.yaml"
    file.write_text("config: {daybox:context: '4096'}")
    monkeypatch.setattr("stacks.stack_file.path_of", lambda stack: file)
    before = own_file("s")
    check_unchanged("s", before)
    file.write_text("config: {daybox:context: '8192'}")
    with pytest.raises(ConfigError, match="stacks/s: its settings were changed meanwhile"):
        check_unchanged("s", before)
