"""The host key only the box knows: made, shown, put in place; cut off anywhere, done again, it ends the same."""

import stat
import subprocess
from pathlib import Path

import pytest

from tests.templates.conftest import OnBox


@pytest.fixture
def box(onbox: OnBox) -> OnBox:
    """A box with the key of first contact and one of another kind, as an image or cloud-init may leave them."""
    ssh = onbox.path("etc/ssh/nothing").parent
    for kind in ("ed25519", "ecdsa"):
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", ssh / f"ssh_host_{kind}_key"], check=True)
    onbox.command("systemctl", 'case "$*" in *is-active*) exit 3 ;; esac')
    return onbox


def public(onbox: OnBox) -> str:
    """The public half of the key that sshd would load."""
    key = onbox.root / "etc/ssh/ssh_host_ed25519_key"
    done = subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True)
    return " ".join(done.stdout.split()[:2])


def test_prepare_shows_the_new_key_and_changes_nothing_yet(box: OnBox) -> None:
    first = public(box)
    shown = box.run("own-host-key", "prepare").stdout
    assert shown.startswith("ssh-ed25519 AAAA") and shown.endswith("\n") and len(shown.split()) == 2
    assert public(box) == first != shown.strip()


def test_prepare_always_shows_the_same_key(box: OnBox) -> None:
    shown = {box.run("own-host-key", "prepare").stdout for _ in range(2)}
    box.run("own-host-key", "switch")
    assert shown == {box.run("own-host-key", "prepare").stdout}


def test_switch_leaves_the_new_key_and_no_other(box: OnBox) -> None:
    shown = box.run("own-host-key", "prepare").stdout.strip()
    assert box.run("own-host-key", "switch").returncode == 0
    assert public(box) == shown
    left = {path.name for path in (box.root / "etc/ssh").iterdir()}
    assert left == {"ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "daybox-own-key"}
    assert (box.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().strip() == shown


def test_the_private_halves_are_for_root_only(box: OnBox) -> None:
    box.run("own-host-key", "prepare")
    box.run("own-host-key", "switch")
    keys = [box.root / "etc/ssh" / name for name in ("ssh_host_ed25519_key", "daybox-own-key")]
    assert [stat.S_IMODE(key.stat().st_mode) for key in keys] == [0o600, 0o600]


def test_sshd_reads_its_keys_again(box: OnBox) -> None:
    box.run("own-host-key", "prepare")
    box.run("own-host-key", "switch")
    assert box.calls()[-1] == "systemctl reload ssh"


def test_where_a_socket_starts_sshd_it_is_restarted_and_the_socket_stays(box: OnBox) -> None:
    box.command("systemctl", "")
    box.run("own-host-key", "prepare")
    box.run("own-host-key", "switch")
    assert box.calls()[-1] == "systemctl try-restart ssh"


def own(box: OnBox) -> Path:
    return box.root / "etc/ssh/daybox-own-key"


CUTS = {
    "a half-written new key": lambda box: own(box).with_suffix(".new").write_text("half"),
    "the new key in place, the old public half beside it": lambda box: (
        box.root / "etc/ssh/ssh_host_ed25519_key"
    ).write_text(own(box).read_text()),
    "the private key gone": lambda box: (box.root / "etc/ssh/ssh_host_ed25519_key").unlink(),
}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS.keys())
def test_whatever_was_cut_off_before_switch_ends_the_same(box: OnBox, cut: "object") -> None:
    shown = box.run("own-host-key", "prepare").stdout.strip()
    assert callable(cut)
    cut(box)
    assert box.run("own-host-key", "switch").returncode == 0
    assert public(box) == shown
    assert box.run("own-host-key", "prepare").stdout.strip() == shown


def test_a_wrong_word_is_answered_with_the_right_ones(box: OnBox) -> None:
    done = box.run("own-host-key", "rotate")
    assert (done.returncode, done.stderr) == (2, "usage: own-host-key prepare | switch\n")
