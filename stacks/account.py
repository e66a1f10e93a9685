"""The provider's account, as it really is: what is listed there, and only that, exists.

Everything that says "gone" or "none left" rests on this module: a list is believed only when all its pages came,
and a refusal, a time-out or a fault is an error, never an empty answer.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from stacks.errors import CloudError, ConfigError
from stacks.refusals import api_error, until_gone
from stacks.secrets import WAYS, linode_token

if TYPE_CHECKING:
    import requests

PAGE_SIZE = 500  # the API's largest
TIMEOUT_SECONDS = 30
RETRIES, BACKOFF_SECONDS = 5, 1.0  # of what the API says will pass: 408, 429, 502 by the library, and
PASSING_STATUSES = [503, 504]
NEEDED_SCOPES = ("linodes:read_write", "firewall:read_write", "events:read_only")
TOKEN_SCOPE = "account:read_write"


@dataclass(frozen=True)
class Instance:
    """A Linode as the account lists it. created: UTC without zone, as the API gives it."""

    id: int
    label: str
    status: str
    created: str
    plan: str
    region: str
    address: str
    tags: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Instance":
        """The Instance in one row of the API's JSON."""
        address = (row.get("ipv4") or [""])[0]
        return cls(
            row["id"],
            row["label"],
            row["status"],
            row["created"],
            row["type"],
            row["region"],
            address,
            tuple(row["tags"]),
        )


@dataclass(frozen=True)
class Profile:
    """Who a token speaks for. scopes: `*` is everything; now: the API's own clock, UTC, which bills."""

    user: str
    scopes: frozenset[str]
    now: datetime


class Account:
    """One account of one cloud. Every method raises CloudError if the API's answer is not a plain yes or 404."""

    def __init__(self, api_url: str, token: str) -> None:
        from linode_api4 import LinodeClient  # 0.3 s: only what asks the cloud pays for it

        self.api_url = api_url
        self.client: LinodeClient = LinodeClient(
            token,
            base_url=f"{api_url}/v4",
            retry_max=RETRIES,
            retry_rate_limit_interval=BACKOFF_SECONDS,
            retry_statuses=PASSING_STATUSES,
        )
        self.client.session.request = _with_timeout(self.client.session.request)

    def instances(self) -> list[Instance]:
        """Every Instance of the account."""
        return [Instance.from_row(row) for row in self.rows("/linode/instances")]

    def instance(self, instance_id: int) -> Instance | None:
        """The Instance, or None if the API says 404."""
        row = self.get(f"/linode/instances/{instance_id}")
        return Instance.from_row(row) if row else None

    def delete_instance(self, instance_id: int) -> None:
        """Ask for the Instance's deletion; a 404 is what we wanted."""
        self.delete(f"/linode/instances/{instance_id}")

    def set_tags(self, instance_id: int, tags: list[str]) -> None:
        """Give the Instance exactly these tags."""
        if self._call(f"/linode/instances/{instance_id}", self.client.put, data={"tags": tags}) is None:
            raise CloudError(f"cloud: box {instance_id} is not listed any more", hint="see `fab status`")

    def deleted_at(self, number: int, kind: str = "linode") -> datetime | None:
        """When the account's events say this id was deleted: the one proof that a 404 is no mistake. Else None.

        kind: what it is the id of, in the API's words: linode, volume.
        """
        query = {"entity.id": number, "entity.type": kind, "action": f"{kind}_delete"}
        times = [row["created"] for row in self.rows("/account/events", filters=query) if row["status"] != "failed"]
        return utc(max(times)) if times else None

    def end(self, instance_id: int) -> None:
        """Delete the Instance and wait until neither list nor events leave a doubt. Raises CloudError if they do."""
        self.end_at("/linode/instances", instance_id, f"box {instance_id}", kind="linode")

    def end_at(self, path: str, number: int, name: str, kind: str = "") -> None:
        """Delete what the list at `path` has under `number`, and wait until that is proved, as for `end`.

        name: what people call it. kind: whose event must say so, too, as for `deleted_at`; empty: list and 404 will do.
        """
        until_gone(name, lambda: self.delete(f"{path}/{number}"), lambda: self._is_gone(path, number, kind))

    def _is_gone(self, path: str, number: int, kind: str) -> bool:
        """Whether neither the whole list nor a question for this id finds it, and an event says it was deleted."""
        if any(row["id"] == number for row in self.rows(path)) or self.get(f"{path}/{number}"):
            return False
        return not kind or self.deleted_at(number, kind) is not None

    def profile(self) -> Profile:
        """Who the token speaks for and what it may do, as the API itself says. Raises CloudError if it is refused."""
        path = "/profile"
        headers = {"Authorization": f"Bearer {self.client.token}"}
        reply: requests.Response = self._guard(
            path, lambda: self.client.session.get(f"{self.client.base_url}{path}", headers=headers)
        )
        if reply.status_code != 200:
            raise api_error(path, reply.status_code, reply.reason, " ".join(NEEDED_SCOPES))
        return Profile(
            user=reply.json()["username"],
            scopes=frozenset(reply.headers.get("X-OAuth-Scopes", "").replace(",", " ").split()),
            now=parsedate_to_datetime(reply.headers["Date"]).astimezone(UTC),
        )

    def get(self, path: str) -> dict[str, Any] | None:
        """The JSON at `path`, or None if the API says 404."""
        return self._call(path, self.client.get)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the API made of `body` at `path`."""
        made = self._call(path, self.client.post, data=body)
        if made is None:
            raise CloudError(f"cloud: {path} says 404", hint="nothing was made")
        return made

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """What the API made of what is at `path`, changed by `body`."""
        made = self._call(path, self.client.put, data=body)
        if made is None:
            raise CloudError(f"cloud: {path} says 404", hint="nothing was changed")
        return made

    def delete(self, path: str) -> None:
        """Ask for the deletion of what is at `path`; a 404 is what we wanted."""
        self._call(path, self.client.delete)

    def rows(self, path: str, filters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """All rows of all pages. Raises CloudError if fewer came than the API itself counts."""
        return list(self._pages(path, filters))

    def _pages(self, path: str, filters: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
        page, pages, seen, results = 1, 1, 0, 0
        while page <= pages:
            body = self._call(f"{path}?page={page}&page_size={PAGE_SIZE}", self.client.get, filters=filters)
            if body is None or "data" not in body:
                raise CloudError(f"cloud: {path} gave no list", hint="try again; nothing was concluded from it")
            seen, pages, results, page = seen + len(body["data"]), body["pages"], body["results"], page + 1
            yield from body["data"]
        if seen != results:
            raise CloudError(
                f"cloud: {path} gave {seen} of {results} rows", hint="try again; nothing was concluded from it"
            )

    def _call(self, path: str, method: Any, **options: Any) -> dict[str, Any] | None:
        from linode_api4.errors import ApiError

        try:
            body: dict[str, Any] = self._guard(path, lambda: method(path, **options))
            return body
        except ApiError as error:
            if error.status == 404:
                return None
            raise api_error(path, error.status, "; ".join(error.errors), " ".join(NEEDED_SCOPES)) from None

    def _guard(self, path: str, call: Any) -> Any:
        """`call()`, with what the network throws made into one line."""
        import requests

        try:
            return call()
        except (requests.RequestException, ValueError) as error:
            fact = f"cloud: {self.api_url}{path} does not answer: {type(error).__name__}"
            raise CloudError(fact, hint="is the network up? for the local cloud: source scripts/env local") from None


def utc(text: str) -> datetime:
    """A time as the API writes it, UTC without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def deploy_token(cloud_token: str) -> str:
    """The token that acts for you: the cloud's own fixed word, else the one that was given. Raises ConfigError."""
    token = cloud_token or linode_token().value
    if not token:
        raise ConfigError("LINODE_TOKEN: is not set", hint=WAYS)
    return token


def _with_timeout(request: Any) -> Any:
    """linode_api4 sets no timeout: without one a silent network would hang `destroy` for ever."""

    def bounded(*args: Any, **options: Any) -> Any:
        return request(*args, **{"timeout": TIMEOUT_SECONDS} | options)

    return bounded


def lacking(scopes: Iterable[str], needed: Iterable[str]) -> list[str]:
    """The needed scopes that `scopes` does not give; `*` gives all, `x:*` and `x:read_write` all of x."""
    have = set(scopes)

    def given(scope: str) -> bool:
        subject = scope.split(":")[0]
        return bool(have & {"*", scope, f"{subject}:*", f"{subject}:read_write"})

    return [scope for scope in needed if not given(scope)]
