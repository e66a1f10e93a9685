"""Who we are: this laptop's owner id, and a stack's two key pairs, for logging in and for first contact."""

import subprocess
from pathlib import Path

from stacks.errors import ConfigError
from stacks.places import owner_file, stack_dir


def first_host_key(stack: str, *, fresh: bool) -> tuple[str, str]:
    """Private and public text of the host key a new box answers with until arming replaces it.

    fresh: make a new pair, as every new lease does: what was in an earlier box's user-data is worth nothing then.
    """
    private = stack_dir(stack) / "first_ed25519"
    if fresh or not private.is_file():
        private.unlink(missing_ok=True)
        make_key(private, f"daybox-{stack}")
    return private.read_text(), key_words(private.with_suffix(".pub"))


def make_key(private: Path, comment: str) -> None:
    """A new ed25519 pair, 0600 and without a passphrase."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def key_words(public: Path) -> str:
    """`ssh-ed25519 AAAA…` of a public key file, without its comment."""
    return " ".join(public.read_text().split()[:2])


def check_login_key(public: Path) -> None:
    """Stop before anything is created if the private half cannot log in by itself.

    Raises ConfigError: missing, locked by a passphrase (no agent takes part), or not the other half.
    """
    private = public.with_suffix("")
    if not private.is_file():
        raise ConfigError(
            f"{private}: the private half of the login key is missing", hint="set daybox:sshPublicKey to a key you hold"
        )
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-P", "", "-f", str(private)], capture_output=True, text=True, check=False
    )
    if derived.returncode:
        raise ConfigError(
            f"{private}: the login key is locked by a passphrase or unreadable",
            hint="use a key without one for boxes: leave daybox:sshPublicKey empty and one is made for the stack",
        )
    if derived.stdout.split()[:2] != key_words(public).split():
        raise ConfigError(f"{private}: is not the private half of {public}", hint="name a matching pair")


def owner_id() -> str:
    """Who we are in the account's tags. Raises ConfigError if `source scripts/env` has not made it."""
    if not owner_file().is_file():
        raise ConfigError(f"{owner_file()}: is missing", hint="source scripts/env")
    return owner_file().read_text().strip()
