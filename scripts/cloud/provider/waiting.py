"""Waiting for the cloud: for a state, and for an event that was not there before."""

import time
from collections.abc import Callable

from .api import Api
from .errors import ProviderError, TimedOut
from .values import Plain


def until(api: Api, question: Callable[[], Plain | None], *, seconds: float, what: str) -> Plain:
    """The first answer that is not None. Raises TimedOut after `seconds`, ProviderError if called off."""
    deadline = time.monotonic() + seconds
    while (answer := question()) is None:
        if time.monotonic() > deadline:
            raise TimedOut(f"{what}: not within {seconds:g} s")
        api.pause(api.endpoint.poll_seconds)
    return answer


def until_status(api: Api, path: str, status: str, *, seconds: float) -> Plain:
    """The thing at `path` once it is in `status`."""

    def question() -> Plain | None:
        found = api.get(path)
        return found if found["status"] == status else None

    return until(api, question, seconds=seconds, what=f"{path} to be {status}")


class NextEvent:
    """The event that a deed brings about, told from those of earlier deeds by being made before the deed.

    Source: linodego's EventPoller, which the real provider waits with.
    """

    def __init__(self, api: Api, action: str, linode_id: int) -> None:
        self.api = api
        self.what = f"event {action} of Linode {linode_id}"
        newest_first = {"+order": "desc", "+order_by": "created"}
        self.where = {**newest_first, "action": action, "entity.id": linode_id, "entity.type": "linode"}
        self.earlier = {event["id"] for event in self._listed()}

    def wait(self, seconds: float) -> None:
        """Until the new event is finished. Raises TimedOut; ProviderError if the event failed."""
        event = until(self.api, self._new, seconds=seconds, what=self.what)
        done = until(self.api, lambda: self._ended(event["id"]), seconds=seconds, what=f"{self.what} to finish")
        if done["status"] == "failed":
            raise ProviderError(f"{self.what}: failed; {done.get('message') or 'no message'}")

    def _listed(self) -> list[Plain]:
        return list(self.api.get("/account/events", query={"page": 1}, where=self.where)["data"])

    def _new(self) -> Plain | None:
        return next((event for event in self._listed() if event["id"] not in self.earlier), None)

    def _ended(self, event_id: int) -> Plain | None:
        event = self.api.get(f"/account/events/{event_id}")
        return event if event["status"] in ("finished", "failed", "notification") else None
