"""This laptop's set-up, as a doctor asks it: real programs, a state folder of its own."""

import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from playbooks import doctor_setup
from playbooks.boxes import ROOT
from playbooks.clients.client import OwnFile, Place
from playbooks.doctor_check import Finding, all_answered
from playbooks.doctor_setup import OVERRIDES, PULUMI_FLOOR, QUESTIONS
from playbooks.own_config import merge
from scripts import environment
from scripts.installer import pins
from stacks.places import state_dir, write_private


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A shell that has sourced scripts/env, with nothing that leads elsewhere."""
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DAYBOX_CACHE", str(tmp_path / "cache"))
    write_private(state_dir() / "passphrase", "secret\n")
    variables = {
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(state_dir() / "passphrase"),
        "PULUMI_BACKEND_URL": f"file://{state_dir() / 'pulumi'}",
    }
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    return Place(variables, tmp_path / "work", tmp_path / "home", 18_001)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, name: str, says: str, *, on: int = 1) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}' >&{on}\n")
    path.chmod(0o755)
    return path


def said(found: Finding) -> tuple[str, str]:
    return found.state, found.fact


def test_the_facts_that_are_stated_twice_agree() -> None:
    assert (PULUMI_FLOOR, OVERRIDES) == (pins.PULUMI_FLOOR, environment.OVERRIDES)


def test_a_laptop_that_was_set_up_has_its_libraries(here: Place) -> None:
    assert doctor_setup.libraries(here).state == "ok"


def test_a_library_of_another_version_is_named(here: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_setup, "installed", lambda name: "0.1" if name == "invoke" else pinned(name))
    found = doctor_setup.libraries(here)
    assert (found.state, found.cure) == ("wrong", "run: scripts/setup")
    assert found.fact.startswith("1 of ") and "invoke 0.1, not " in found.fact


def pinned(name: str) -> str:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return next(line.split("==")[1].split()[0] for line in lines if line.startswith(f"{name}=="))


def test_without_programs_each_says_what_brings_it(here: Place, programs: Path) -> None:
    assert said(doctor_setup.pulumi(here)) == ("wrong", "pulumi and pulumi-language-python: not on PATH")
    assert said(doctor_setup.ssh(here)) == ("wrong", "ssh and ssh-keygen: not on PATH")


@pytest.mark.parametrize(
    ("says", "state", "fact"),
    [
        ("v3.259.0", "ok", "pulumi v3.259.0"),
        ("v3.300.1-alpha", "ok", "pulumi v3.300.1-alpha"),
        ("v3.258.9", "wrong", "pulumi v3.258.9 is not 3.259.0 or a later 3"),
        ("v4.0.0", "wrong", "pulumi v4.0.0 is not 3.259.0 or a later 3"),
        ("hello", "unknown", "pulumi does not say its version: hello"),
    ],
)
def test_the_engine_that_was_measured_or_a_newer_one(
    here: Place, programs: Path, says: str, state: str, fact: str
) -> None:
    put(programs, "pulumi", says)
    put(programs, "pulumi-language-python", "")
    assert said(doctor_setup.pulumi(here)) == (state, fact)


def test_an_ssh_that_is_not_openssh_is_none(here: Place, programs: Path) -> None:
    put(programs, "ssh", "Dropbear v2024", on=2)
    put(programs, "ssh-keygen", "")
    assert said(doctor_setup.ssh(here)) == ("wrong", "ssh says: Dropbear v2024")


@pytest.mark.parametrize(
    "secret", ["passphrase", "stacks/local/login_ed25519", "stacks/local/box_key", "stacks/local/tunnel/key-env"]
)
def test_a_secret_that_others_may_read_is_named(here: Place, secret: str) -> None:
    assert doctor_setup.state(here).state == "ok"
    write_private(state_dir() / secret, "x").chmod(0o640)
    found = doctor_setup.state(here)
    assert said(found) == ("wrong", f"others may read {state_dir() / secret}")
    assert found.cure == f"chmod go= {state_dir() / secret}"


def test_a_file_of_the_users_own_that_holds_a_key_and_that_others_may_read_is_named(here: Place) -> None:
    """As `git checkout`, an editor or a copy leave it, after `fab launch pi --config`."""
    files = [OwnFile(f".pi/{name}.json", "json", {"a": name}, holds_key=name == "models") for name in ("models", "x")]
    merge("pi", files, here.home)
    assert doctor_setup.state(here).state == "ok"
    for own in files:
        (here.home / own.path).chmod(0o644)
    file = here.home / ".pi/models.json"
    found = doctor_setup.state(here)
    assert (*said(found), found.cure) == ("wrong", f"others may read {file}", f"chmod go= {file}")
    file.unlink()
    assert doctor_setup.state(here).state == "ok"


def test_a_public_key_may_be_read(here: Place) -> None:
    write_private(state_dir() / "stacks/local/login_ed25519.pub", "x").chmod(0o644)
    assert doctor_setup.state(here).state == "ok"


def test_a_state_folder_that_others_may_enter_is_named(here: Place) -> None:
    state_dir().chmod(0o755)
    assert said(doctor_setup.state(here)) == ("wrong", f"others may read {state_dir()}")


def test_a_missing_passphrase_is_made_by_sourcing(here: Place) -> None:
    assert doctor_setup.passphrase(here).state == "ok"
    (state_dir() / "passphrase").write_text("")
    assert doctor_setup.passphrase(here).state == "wrong"


def test_pulumi_pointed_at_another_state_is_wrong(here: Place) -> None:
    elsewhere = replace(here, environment={**here.environment, "PULUMI_BACKEND_URL": "file:///elsewhere"})
    assert said(doctor_setup.passphrase(elsewhere)) == ("wrong", "PULUMI_BACKEND_URL: not set to daybox's own state")


def test_variables_that_lead_elsewhere_are_unset(here: Place) -> None:
    assert said(doctor_setup.variables(here)) == ("ok", "none leads elsewhere")
    more = {**here.environment, "http_proxy": "http://p:1", "LINODE_URL": "http://x", "OPENAI_API_KEY": "k"}
    found = doctor_setup.variables(replace(here, environment=more))
    assert said(found) == ("wrong", "lead elsewhere than to your box: http_proxy, LINODE_URL")
    assert found.cure == "unset http_proxy LINODE_URL; `fab launch` starts clients without them"


def test_of_path_only_what_is_not_absolute_is_to_go(here: Place) -> None:
    found = doctor_setup.variables(replace(here, environment={**here.environment, "PATH": "bin:/usr/bin:/bin"}))
    assert found.cure.startswith("take what is not absolute out of PATH; `fab launch`")


def test_a_providers_key_is_only_mentioned(here: Place) -> None:
    found = doctor_setup.variables(replace(here, environment={**here.environment, "OPENAI_API_KEY": "k"}))
    assert (found.state, found.fact.endswith("does not pass on: OPENAI_API_KEY")) == ("ok", True)


@pytest.mark.parametrize(
    ("installed", "minutes_ago", "state"),
    [(False, None, "not-applicable"), (True, None, "wrong"), (True, 5, "ok"), (True, 60, "wrong")],
)
def test_a_sweep_timer_is_right_if_it_swept(here: Place, installed: bool, minutes_ago: int | None, state: str) -> None:
    if installed:
        write_private(state_dir() / "sweep/run", "#!/bin/sh\n")
    if minutes_ago:
        write_private(state_dir() / "sweeps.json", json.dumps({"https://x": time.time() - minutes_ago * 60}))
    assert doctor_setup.timer(here).state == state


def test_nothing_of_this_laptop_breaks_a_doctor(here: Place, programs: Path) -> None:
    """Not a program on PATH, not a secret in place: every check still has an answer."""
    (state_dir() / "passphrase").unlink()
    checks = all_answered(QUESTIONS, here)
    assert len(checks) == len(QUESTIONS)
    assert not [check.fact for check in checks if "this check broke" in check.fact], sys.version
