"""The Hub's token, lent to a box whose weights wait for one: in memory, for the download alone, and taken back."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from playbooks.progress import say
from playbooks.report import Report
from playbooks.stages import Event
from stacks.errors import BoxError, ModelError
from stacks.secrets import hub_token
from stacks.ssh import Target, run

FILE = "/run/daybox/hub-token"  # read by templates/box/download.py; in memory, so that no disk keeps it
REFUSED = "is gated, private or not there"  # templates/box/download.py says it of 401 and 403
WAY_OUT = "accept its licence on its page, set HF_TOKEN to a token of the account that did, then: fab bootstrap"


def bring(file: str = FILE) -> str:
    """Shell command that puts standard input into the file, 0600 from its first moment on."""
    return f'umask 077 && mkdir -p "$(dirname {file})" && cat >{file}.new && mv {file}.new {file}'


def take_back(file: str = FILE) -> str:
    """Shell command that leaves nothing of it."""
    return f"rm -f {file} {file}.new"


def refusal(events: Iterable[Event], boot: str) -> str:
    """What the Hub's refusal was, if the weights of this boot failed for want of a token; empty otherwise."""
    last = [event for event in events if event.stage == "weights" and event.boot == boot][-1:]
    return last[0].word if last and last[0].is_failure and REFUSED in last[0].word else ""


@contextmanager
def lent(target: Target, report: Report | None, *, file: str = FILE) -> Iterator[None]:
    """While the `with` block runs, the box has the token, if its weights failed for want of one.

    Raises ModelError, naming what to set, if there is none to lend.
    """
    word = refusal(report.events, report.boot) if report else ""
    if not word:
        yield
        return
    with lent_after(target, word, file=file):
        yield


@contextmanager
def lent_after(target: Target, word: str, *, way_out: str = WAY_OUT, file: str = FILE) -> Iterator[None]:
    """While the `with` block runs, the box has the token. word: how the Hub refused; way_out: if there is none to lend.

    Raises ModelError, naming what to set, if there is none.
    """
    token = hub_token().value
    if not token:
        raise ModelError(f"box/weights: {word}", hint=way_out)
    try:
        done = run(target, bring(file), stdin=f"{token}\n")
        if done.returncode:
            raise BoxError(f"box/{target.alias}: the Hub's token could not be put into {file}", hint="see `fab ssh`")
        say("weights: trying again with your token of the Hub")
        yield
    finally:
        if not is_taken_back(target, file):
            say(f"box/{target.alias}: your token of the Hub may still be in its memory: fab ssh, then: rm {file}")


def is_taken_back(target: Target, file: str) -> bool:
    """Take it back; whether the box says that nothing of it is left."""
    with suppress(BoxError):
        return run(target, take_back(file)).returncode == 0
    return False
