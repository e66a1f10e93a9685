"""What the API refuses, for good or for now; and deleting until neither matters any more."""

import time
from collections.abc import Callable

from stacks.errors import CloudError

END_SECONDS, LOOK_SECONDS = 120.0, 1.0  # a Linode is off the list within seconds of its DELETE
_NEW_TOKEN = "make a new one in the Cloud Manager and export LINODE_TOKEN"


class Refused(CloudError):
    """The API said no, and will say it again: another token is needed."""


def api_error(path: str, status: int, reasons: str, scopes: str) -> CloudError:
    """A refusal of the API, with its way out. scopes: what a token of ours needs.

    401 is two things: a token that is not accepted, and a scope that it lacks ("not authorized to use this endpoint").
    """
    needs = f"the token needs the scopes {scopes}"
    hints = {401: needs if "not authorized" in reasons else _NEW_TOKEN, 429: "wait a minute"}
    kind = Refused if status in (401, 403) else CloudError
    return kind(f"cloud: {path} says {status}: {reasons}", hint=hints.get(status, "try again"))


def until_gone(name: str, delete: Callable[[], None], is_gone: Callable[[], bool]) -> None:
    """Ask for the deletion of `name`, again and again, until it is proved to be gone.

    A fault that may pass is no answer: both are asked again. Raises Refused at once, CloudError after two minutes.
    """
    deadline = time.monotonic() + END_SECONDS
    while True:
        fault = fault_of(delete)
        try:
            if is_gone():
                return
        except Refused:
            raise
        except CloudError as error:
            fault = error.fact
        if time.monotonic() > deadline:
            fact = f"cloud: {name} may still be there" + (f": {fault}" if fault else "")
            raise CloudError(fact, hint="run this again, or delete it in the Cloud Manager")
        time.sleep(LOOK_SECONDS)


def fault_of(action: Callable[[], None]) -> str:
    """What went wrong with `action` and may pass; empty if nothing did. Raises Refused."""
    try:
        action()
        return ""
    except Refused:
        raise
    except CloudError as error:
        return error.fact
