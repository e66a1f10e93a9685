"""The bundle: what a box gets, the same whoever brings it, and small enough for user-data."""

import gzip
import subprocess
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from stacks.bundle import USER_DATA_LIMIT, Bundle, File, as_base64, bundle_for, user_data, watchdog_files
from stacks.errors import ConfigError
from tests.golden_text import golden
from tests.shipped import STACKS, settings_of

PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nfirst contact\n-----END OPENSSH PRIVATE KEY-----\n"
PUBLIC = "ssh-ed25519 AAAAfirst"
OUR_LIMIT = 12 * 1024  # bytes in base64; the rest of the API's 16 KB is for what comes later


@pytest.fixture(params=STACKS)
def bundle(request: pytest.FixtureRequest, tmp_path: Path) -> Bundle:
    return bundle_for(settings_of(request.param, tmp_path))


@pytest.fixture
def local(tmp_path: Path) -> Bundle:
    return bundle_for(settings_of("local", tmp_path))


def content(bundle: Bundle, path: str) -> str:
    return next(file.content for file in bundle.files if file.path == path)


def cloud_config(bundle: Bundle) -> dict[str, object]:
    """User-data as cloud-init reads it."""
    return dict(yaml.safe_load(gzip.decompress(user_data(bundle, PRIVATE, PUBLIC))))


def test_the_same_settings_give_the_same_bundle(tmp_path: Path) -> None:
    first, second = (bundle_for(settings_of("local", tmp_path)) for _ in range(2))
    assert first.sha256 == second.sha256
    assert user_data(first, PRIVATE, PUBLIC) == user_data(second, PRIVATE, PUBLIC)


@pytest.mark.parametrize("change", [{"path": "/a"}, {"mode": 0o600}, {"content": "b"}], ids=["path", "mode", "content"])
def test_any_change_of_a_file_changes_the_hash(local: Bundle, change: dict[str, str]) -> None:
    last = local.contents[-1]
    changed = Bundle((*local.contents[:-1], replace(last, **change)))  # type: ignore[arg-type]
    assert changed.sha256 != local.sha256


def test_a_stack_with_another_context_has_another_bundle(tmp_path: Path) -> None:
    smaller = bundle_for(settings_of("local", tmp_path, context="2048"))
    assert smaller.sha256 != bundle_for(settings_of("local", tmp_path)).sha256


def test_limits_and_idle_minutes_are_no_part_of_it(tmp_path: Path) -> None:
    """They reach the box by arming: a changed idleMinutes must not restart anything."""
    other = bundle_for(settings_of("local", tmp_path, idleMinutes="5", maxLifetimeMinutes="90s"))
    assert other.sha256 == bundle_for(settings_of("local", tmp_path)).sha256


def test_the_last_file_is_the_hash_of_the_others(bundle: Bundle) -> None:
    assert bundle.files[-1] == File("/opt/daybox/bundle.sha256", 0o644, f"{bundle.sha256}\n")


def test_no_path_is_there_twice_and_each_is_ours(bundle: Bundle) -> None:
    paths = [file.path for file in bundle.files]
    assert len(paths) == len(set(paths))
    ours = (
        "/opt/daybox/",
        "/etc/systemd/system/daybox",
        "/etc/systemd/system/docker.service.d/daybox.conf",
        "/etc/sysctl.d/60-daybox.conf",
    )
    assert all(path.startswith(ours) for path in paths)


def test_programs_can_be_run_and_nothing_can_be_changed_by_others(bundle: Bundle) -> None:
    modes = {("/bin/" in file.path and not file.path.endswith(".py"), file.mode) for file in bundle.files}
    assert modes == {(True, 0o755), (False, 0o644)}


@pytest.mark.parametrize("stack", STACKS)
def test_user_data_stays_small(stack: str, tmp_path: Path) -> None:
    """With a real key, for those cannot be compressed."""
    key = tmp_path / "first"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "daybox", "-f", key], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    data = as_base64(user_data(bundle_for(settings_of(stack, tmp_path)), key.read_text(), public))
    print(f"{stack}: user-data {len(data)} bytes in base64, {USER_DATA_LIMIT - len(data)} below the API's limit")
    assert len(data) <= OUR_LIMIT


def test_user_data_over_the_limit_is_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigError) as caught:
        as_base64(b"x" * 13_000)
    assert caught.value.fact == (
        "templates/user-data.yaml.j2: user-data has 17336 bytes in base64, the API takes 16384"
    )


def test_user_data_that_just_fits_is_taken() -> None:
    data = b"x" * (USER_DATA_LIMIT // 4 * 3)
    assert b64decode(as_base64(data)) == data


def test_user_data_brings_every_file_but_those_that_arming_brings(bundle: Bundle) -> None:
    written = {row["path"]: row for row in cloud_config(bundle)["write_files"]}  # type: ignore[attr-defined]
    brought = {file.path for file in watchdog_files()}
    for file in bundle.files:
        if file.path in brought and not file.path.endswith("/stage"):
            assert file.path not in written
        else:
            row = written[file.path]
            assert (row["content"], row["permissions"]) == (file.content, f"{file.mode:04o}")


def test_what_arming_brings_is_part_of_the_bundle(bundle: Bundle) -> None:
    assert set(watchdog_files()) <= set(bundle.files)


def test_the_one_secret_of_user_data_is_the_host_key_of_first_contact(local: Bundle) -> None:
    config = cloud_config(local)
    assert config["ssh_keys"] == {"ed25519_private": PRIVATE, "ed25519_public": PUBLIC}
    assert config["ssh_deletekeys"] is True
    assert "ssh_genkeytypes" not in config, "an empty list fails cloud-init's schema"


def test_login_keys_are_added_only_if_they_are_given(local: Bundle) -> None:
    assert "ssh_authorized_keys" not in cloud_config(local)
    text = gzip.decompress(user_data(local, PRIVATE, PUBLIC, ["ssh-ed25519 AAAAme"]))
    assert yaml.safe_load(text)["ssh_authorized_keys"] == ["ssh-ed25519 AAAAme"]


def test_the_graph_starts_without_being_waited_for_and_again_at_every_boot(local: Bundle) -> None:
    assert cloud_config(local)["runcmd"] == ["systemctl enable --now --no-block daybox.target"]


def test_user_data_begins_with_the_word_that_cloud_init_looks_for(local: Bundle) -> None:
    assert gzip.decompress(user_data(local, PRIVATE, PUBLIC)).startswith(b"#cloud-config\n")


def test_user_data_around_the_files_is_what_was_reviewed(local: Bundle) -> None:
    bare = Bundle((File("/opt/daybox/example", 0o755, "#!/bin/sh\necho one\n\necho two\n"),))
    text = gzip.decompress(user_data(bare, PRIVATE, PUBLIC)).decode()
    assert text == golden("user-data.yaml", text)
