"""The box's own checks: how pytest is called, what it is told, when it ends, and that it never asks this laptop."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from playbooks import verify_box
from playbooks.boxes import ROOT
from playbooks.verify_box import (
    FACTS_VARIABLE,
    TOO_LATE,
    checks_in,
    environment,
    exit_status,
    plain_name,
    pytest_words,
    shared_connection,
    whole,
)
from stacks.bundle import Bundle, File
from stacks.ssh import Target
from tests.playbooks.pretend_box import BOX

XML = """<testsuites><testsuite>
<testcase classname="tests.host.test_a" name="test_docker_runs[ssh://daybox-7]" time="0.5"/>
<testcase classname="tests.host.test_a" name="test_only_root_reads[ssh://daybox-7-token]" time="0.25">
  <failure message="assert 420 == 384&#10;more">long</failure></testcase>
<testcase classname="tests.host.test_a" name="test_x[ssh://daybox-7]" time="0"><skipped message="no GPU"/></testcase>
<testcase classname="tests.host.test_a" name="test_y[ssh://daybox-7]" time="0"><error>long</error></testcase>
</testsuite></testsuites>"""


def run_pytest(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """pytest as somebody types it."""
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    env = {name: value for name, value in os.environ.items() if name != FACTS_VARIABLE} | variables
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def test_without_a_box_the_checks_do_not_run_and_say_how() -> None:
    done = run_pytest("tests/host/test_closed.py")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.strip() == "ERROR: no box named; run: fab verify"


def test_plain_pytest_never_enters_the_checks_of_a_box() -> None:
    others = [f"--ignore={path}" for path in (ROOT / "tests").iterdir() if path.name != "host"]
    assert run_pytest("--collect-only", "tests", *others).returncode == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_checks_can_be_collected_for_a_box(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(facts_of_a_box()))
    done = run_pytest("tests/host", "--collect-only", "--hosts=ssh://daybox-7", **{FACTS_VARIABLE: str(file)})
    assert done.returncode == 0, done.stdout
    assert "test_the_running_bundle_is_this_checkouts[ssh://daybox-7]" in done.stdout


def facts_of_a_box(bundle: Bundle | None = None) -> dict[str, Any]:
    settings: Any = SimpleNamespace(
        idle_minutes=30.0,
        ready_minutes=60.0,
        self_destruct=True,
        box_api_url="http://198.51.100.1:9",
        device=SimpleNamespace(gpu=False, image="daybox/vllm-cpu:0.32.0"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stacks.bundle.bundle_for", lambda _: bundle or Bundle((File("/a", 0o600, "x"),)))
        return verify_box.facts(BOX, settings)


def test_the_facts_name_every_file_of_the_bundle_with_its_hash() -> None:
    bundle = Bundle((File("/a", 0o600, "x"),))
    known = facts_of_a_box(bundle)
    assert known["bundle_sha256"] == bundle.sha256
    assert [file["path"] for file in known["files"]] == ["/a", "/opt/daybox/bundle.sha256"]
    assert known["files"][0] == {
        "path": "/a",
        "mode": 0o600,
        "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    }


def test_the_facts_are_what_the_checks_expect() -> None:
    from tests.host.facts import Facts

    assert Facts(**facts_of_a_box()).instance_id == BOX.instance_id


def test_the_checks_go_over_the_pinned_ssh() -> None:
    assert pytest_words("daybox-7", Path("/t/ssh_config"), Path("/t/report.xml"), 32.4)[1:] == [
        *("-m", "pytest", "tests/host", "--hosts=ssh://daybox-7?controlpersist=5", "--ssh-config=/t/ssh_config"),
        *("-p", "testinfra.plugin", "-p", "pytest_timeout", "-p", "no:cacheprovider"),
        *("--timeout=15", "--session-timeout=32", "--tb=short", "-v", "--junitxml=/t/report.xml"),
    ]


def test_the_checks_share_one_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    target = Target("local", "127.0.0.1", "daybox-7", tmp_path / "login", ("ssh-ed25519 AAAA",))
    config = tmp_path / "config"
    config.write_text(shared_connection(target, Path("/t/ssh")))
    said = subprocess.run(["ssh", "-G", "-F", config, "daybox-7"], capture_output=True, text=True, check=True).stdout
    assert {"controlpath /t/ssh", "stricthostkeychecking true", "hostkeyalias daybox-7"} <= set(said.splitlines())


def test_no_credential_reaches_the_checks() -> None:
    inherited = {"PATH": "/bin", "LINODE_TOKEN": "t", "PULUMI_CONFIG_PASSPHRASE_FILE": "f", "HF_TOKEN": "h"}
    assert sorted(environment(inherited, Path("/f"))) == [FACTS_VARIABLE, "PATH", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"]


def test_each_check_is_one_row() -> None:
    assert checks_in(XML) == [
        {"check": "test_docker_runs", "outcome": "passed", "seconds": 0.5, "word": ""},
        {"check": "test_only_root_reads[token]", "outcome": "failed", "seconds": 0.25, "word": "assert 420 == 384"},
        {"check": "test_x", "outcome": "skipped", "seconds": 0.0, "word": "no GPU"},
        {"check": "test_y", "outcome": "failed", "seconds": 0.0, "word": "error"},
    ]


def test_options_of_a_persons_own_leave_no_check_out() -> None:
    inherited = {"PYTEST_ADDOPTS": "-k docker", "PYTEST_PLUGINS": "xdist"}
    assert sorted(environment(inherited, Path("/f"))) == [FACTS_VARIABLE, "PYTEST_DISABLE_PLUGIN_AUTOLOAD"]


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("test_a[ssh://daybox-7]", "test_a"),
        ("test_a[ssh://daybox-7-CapDrop-value3]", "test_a[CapDrop-value3]"),
        ("test_a[vllm-key-ssh://daybox-7]", "test_a[vllm-key]"),
        ("test_a[x-y]", "test_a[x-y]"),
        ("test_a", "test_a"),
    ],
)
def test_the_box_is_not_part_of_a_checks_name(name: str, plain: str) -> None:
    assert plain_name(name) == plain


def test_a_box_that_vanishes_in_the_middle_ends_the_checks(tmp_path: Path) -> None:
    """Each of the others would wait for it in vain."""
    (tmp_path / "facts.json").write_text(json.dumps(facts_of_a_box()))
    (tmp_path / "config").write_text("Host daybox-7\n  HostName 127.0.0.1\n  Port 9\n")
    words = pytest_words("daybox-7", tmp_path / "config", tmp_path / "report.xml", 60)[3:]
    done = run_pytest(*words, **{FACTS_VARIABLE: str(tmp_path / "facts.json"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    assert done.returncode == 1 and "the box is not reached any more" in done.stdout
    assert [found["outcome"] for found in checks_in((tmp_path / "report.xml").read_text())] == ["failed"]


def test_what_hangs_is_ended() -> None:
    assert exit_status(["sleep", "30"], 0.1) == TOO_LATE
    assert exit_status(["false"], 10) == 1


def test_checks_that_never_began_have_not_passed() -> None:
    good = {"check": "test_a", "outcome": "passed", "seconds": 1.0, "word": ""}
    bad = good | {"outcome": "failed"}
    assert [row["outcome"] for row in whole([good], verify_box.SOME_FAILED)] == ["passed", "failed"]
    assert whole([good], verify_box.ALL_PASSED) == [good]
    assert whole([good, bad], verify_box.SOME_FAILED) == [good, bad]
