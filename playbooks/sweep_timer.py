"""`fab sweep --install-timer`: a sweep every quarter of an hour, which counts as installed only when it has listed."""

import os
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from playbooks import sweep_token
from playbooks.accounts import Book, accounts_to_look_into, tried
from playbooks.boxes import ROOT
from playbooks.command import busy
from playbooks.mechanisms import Timer
from playbooks.sweep_folder import NAMES, Before, folder, restored
from playbooks.timers import put, put_again, settle, take_away, timers
from stacks import sweeps
from stacks.errors import CloudError, ConfigError
from stacks.keys import owner_id
from stacks.places import STATE_VARIABLE, state_dir, write_private
from stacks.secrets import TOKEN_FILE_VARIABLE, Found, linode_token
from templates import render

PROOF_SECONDS = 300.0  # cron waits for the full minute, and the first sweep may find something to end
LOOK_SECONDS = 0.2
CARRIED = (
    *("PATH", "DAYBOX_CACHE", "DAYBOX_GRACE_SECONDS", "DAYBOX_LANDING_SECONDS"),
    *("PULUMI_HOME", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_SKIP_UPDATE_CHECK"),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),
    *("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"),
)


def program_text(environment: Mapping[str, str], state: Path, *, has_token: bool) -> str:
    """The program that the timer starts: all that `fab sweep` needs of the shell it was installed from, but no token.

    state: daybox's state folder. has_token: whether there is one in it; a file that is named must be there.
    """
    own = {STATE_VARIABLE: str(state), TOKEN_FILE_VARIABLE: str(state / "sweep/token") if has_token else ""}
    values = {name: environment[name] for name in CARRIED if name in environment} | own
    return render(
        "sweep.sh.j2",
        exports=[f"{name}={shlex.quote(value)}" for name, value in values.items()],
        checkout=shlex.quote(str(ROOT)),
        command=shlex.join([sys.executable, "-m", "fabric", "sweep", "--yes", "--json"]),
        log=shlex.quote(str(state / "sweep/log")),
        ended=shlex.quote(str(state / "sweep/ended")),
    )


def install() -> None:
    """Sweep by itself from now on. Raises DayboxError, with all as it was before, unless that was seen to work."""
    urls, owner, given = urls_to_look_into(), owner_id(), linode_token()
    token = given.value
    program = folder() / "run"
    found = timers(program)
    if not found:
        raise ConfigError(
            "fab sweep --install-timer: this machine has neither a systemd of yours nor launchd nor cron",
            hint="install cron, or let a CI run `fab sweep --yes`: see README",
        )
    if token:  # before anything is touched: one that is refused must not cost a timer that works
        sweep_token.checked(sweep_token.paying_account(token))
    before = Before.read(found)
    try:
        word = kept_token(given, owner)
        text = program_text(os.environ, state_dir().resolve(), has_token=sweep_token.token_file().is_file())
        write_private(program, text).chmod(0o700)
        take_away(found)
        (folder() / "ended").unlink(missing_ok=True)
        begun = time.time()
        put(found[0])
        with busy(f"waiting until {found[0].name} has run the first sweep"):
            prove(urls, begun, found[0])
        settle(program, found[0].name)
    except BaseException:
        for fault in undone(before, token):
            print(f"sweep: {fault}", file=sys.stderr)
        raise
    print(f"sweep: {found[0].name} runs it every {sweeps.INTERVAL_MINUTES} minutes, and ends what should go unasked")
    print(f"sweep: its first run listed {', '.join(urls)}; its last words are in {folder() / 'log'}")
    print(f"sweep: {word}")
    own = sweep_token.minted()
    if own and own != before.minted:  # only now: the one of before held until this one was seen to work
        sweep_token.revoke(sweep_token.paying_account(token), owner, but=own["id"])


def urls_to_look_into() -> list[str]:
    """The accounts that the timer must list. Raises DayboxError if one cannot be asked already now."""
    faults = list[str]()
    accounts = accounts_to_look_into(None, Book.read(faults), faults)
    if faults:
        raise CloudError(f"fab sweep --install-timer: {'; '.join(faults)}", hint="mend that and run it again")
    return [account.api_url for account in accounts]


def kept_token(given: Found, owner: str) -> str:
    """Give the timer its token; returns what to say of it. given: yours, which may be empty."""
    if given.value:
        return sweep_token.keep(sweep_token.paying_account(given.value), given, owner)
    if sweep_token.token_file().is_file():
        return "it keeps the token it had: LINODE_TOKEN is not set"
    return "it has no token, so it sweeps the local cloud alone; export LINODE_TOKEN and install it again for Linode"


def prove(urls: Iterable[str], begun: float, timer: Timer) -> None:
    """Wait until a sweep that the timer ran since `begun` has listed all of `urls`.

    Raises CloudError with the sweep's own words if it failed, ConfigError if it was not run.
    """
    deadline, ended = time.monotonic() + PROOF_SECONDS, folder() / "ended"
    while not ended.is_file() or not ended.read_text().strip():
        if time.monotonic() > deadline:
            raise ConfigError(
                f"fab sweep --install-timer: {timer.name} has not run it within {PROOF_SECONDS:.0f} s",
                hint="is it running? see its own log",
            )
        time.sleep(LOOK_SECONDS)
    listed = [url for url in urls if (last := sweeps.last_good(url)) and last.timestamp() >= begun]
    if (status := ended.read_text().strip()) != "0" or listed != list(urls):
        raise CloudError(
            f"fab sweep --install-timer: {timer.name} ran it, and it failed with {status}: {last_word()}",
            hint="all is as it was before",
        )


def last_word() -> str:
    """The last line that the sweep said."""
    log = folder() / "log"
    return ((log.read_text().strip() if log.is_file() else "") or "nothing").splitlines()[-1]


def undone(before: Before, token: str) -> list[str]:
    """Take back what this run made, and run again what ran before; returns what of it went wrong."""
    faults, own = list[str](), sweep_token.minted()
    tried(faults, take_away, timers(folder() / "run"))
    for name in NAMES:
        tried(faults, restored, folder() / name, before.texts.get(name))
    if own and own != before.minted:  # only now: nothing uses it any more
        tried(faults, sweep_token.revoke_one, sweep_token.paying_account(token), own)
    if "run" in before.texts:
        tried(faults, put_again, folder() / "run", before.names)
    elif folder().is_dir():
        tried(faults, folder().rmdir)
    return faults


def remove() -> None:
    """No longer sweep by itself. Raises CloudError if the timer's own token could not be revoked."""
    found = timers(folder() / "run")
    installed = [timer for timer in found if timer.installed]  # also one whose folder is gone
    if not folder().is_dir() and not installed:
        print("sweep: no timer is installed")
        return
    owner, known = owner_id(), folder().is_dir()
    token = linode_token().value if sweep_token.minted() else ""  # nobody is asked for one that is not needed
    faults = taken_back(found, token, owner)
    if faults:
        raise CloudError(f"fab sweep --remove-timer: {'; '.join(faults)}", hint="the timer itself is taken away")
    lost = f"; its folder was gone: revoke {sweep_token.label(owner)} in the Cloud Manager, if it is there"
    print(f"sweep: the timer is taken away{', and its token' if known else lost}")
    for word in filter(None, (timer.stays for timer in installed)):
        print(f"sweep: {word}")


def taken_back(found: Sequence[Timer], token: str, owner: str) -> list[str]:
    """Take away timer, program and token; returns what of it went wrong. token: LINODE_TOKEN, which may be empty."""
    faults, own = list[str](), sweep_token.minted()
    tried(faults, take_away, found)
    if own and not token:
        faults.append(
            f"token {own['id']} ({own['label']}) is valid until {own['expiry']}: revoke it in the Cloud Manager"
        )
    elif own:
        tried(faults, sweep_token.revoke, sweep_token.paying_account(token), owner)
    for name in NAMES:
        (folder() / name).unlink(missing_ok=True)
    if folder().is_dir():
        folder().rmdir()
    return faults
