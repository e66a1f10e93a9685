"""The provider's API on loopback, as far as the watchdog knows it: one Instance, with a date on every answer."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

from tests.loopback import Quiet, answering


@dataclass
class Api:
    """statuses: given before the right answers, in turn; now: what it says the time is, if it is dated.

    deleted: whether the Instance is gone.
    """

    token: str = "box-token"
    statuses: list[int] = field(default_factory=list)
    now: float = field(default_factory=time.time)
    dated: bool = True
    deleted: bool = False
    redirect: str = ""
    requests: list[str] = field(default_factory=list)
    url: str = ""


class Answer(Quiet):
    """One request."""

    api: Api

    def do_GET(self) -> None:
        self.answer("GET")

    def do_DELETE(self) -> None:
        self.answer("DELETE")

    def answer(self, method: str) -> None:
        api = self.api
        api.requests.append(f"{method} {self.path}")
        if api.redirect:
            return self.say(302, {}, Location=api.redirect)
        if api.statuses:
            return self.say(api.statuses.pop(0), {"errors": [{"reason": "as the test wants"}]})
        if self.headers["Authorization"] != f"Bearer {api.token}":
            return self.say(401, {"errors": [{"reason": "Invalid Token"}]})
        if api.deleted or self.path != "/v4/linode/instances/7":
            return self.say(404, {"errors": [{"reason": "Not found"}]})
        api.deleted = method == "DELETE"
        return self.say(200, {} if api.deleted else {"id": 7, "label": "daybox-x", "status": "running", "type": "t"})

    def say(self, status: int, body: dict[str, object], **headers: str) -> None:
        text = json.dumps(body).encode()
        self.send_response_only(status)
        date = {"Date": formatdate(self.api.now, usegmt=True)} if self.api.dated else {}
        for name, value in {**date, **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def running(api: Api) -> Iterator[Api]:
    """It answers, on a port of loopback."""
    with answering(Answer, api=api) as api.url:
        yield api
