"""The login key is tried before anything is created."""

import subprocess
from pathlib import Path

import pytest

from stacks.errors import ConfigError
from stacks.keys import check_login_key, first_host_key, owner_id


def make(folder: Path, name: str = "login", passphrase: str = "") -> Path:
    """A key pair; returns the path of the public half."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(folder / name)]
    subprocess.run(words, check=True)
    return folder / f"{name}.pub"


def test_a_key_that_can_log_in_by_itself_passes(tmp_path: Path) -> None:
    check_login_key(make(tmp_path))


def test_a_missing_private_half_is_found_before_anything_is_created(tmp_path: Path) -> None:
    public = make(tmp_path)
    (tmp_path / "login").unlink()
    with pytest.raises(ConfigError, match="the private half of the login key is missing"):
        check_login_key(public)


def test_a_locked_key_is_found_because_no_agent_takes_part(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="locked by a passphrase"):
        check_login_key(make(tmp_path, passphrase="secret words"))


def test_a_pair_that_does_not_match_is_found(tmp_path: Path) -> None:
    public = make(tmp_path)
    public.write_text(make(tmp_path, "other").read_text())
    with pytest.raises(ConfigError, match="is not the private half"):
        check_login_key(public)


def test_every_lease_has_a_key_of_first_contact_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    first = first_host_key("coder-7b", fresh=True)
    assert first_host_key("coder-7b", fresh=False) == first
    assert first_host_key("coder-7b", fresh=True) != first
    assert (tmp_path / "stacks/coder-7b/first_ed25519").stat().st_mode & 0o777 == 0o600


def test_what_scripts_env_makes_is_asked_for_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBOX_STATE", str(tmp_path))
    with pytest.raises(ConfigError, match="owner: is missing"):
        owner_id()
