"""Which accounts a sweep looks into: the ledger says where boxes were begun."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from stacks import ledger
from stacks.account import Account, deploy_token
from stacks.errors import DayboxError, UsageError
from stacks.ledger import Entry
from stacks.places import ledger_dir, local_url
from stacks.secrets import has_linode_token

if TYPE_CHECKING:
    from stacks.catalog import Cloud

P = ParamSpec("P")
T = TypeVar("T")
LOCAL, LINODE = "local", "linode"


@dataclass(frozen=True)
class Book:
    """The ledger as far as it can be read. unread: the leases whose entry cannot be."""

    entries: tuple[Entry, ...] = ()
    unread: frozenset[str] = frozenset()

    @classmethod
    def read(cls, faults: list[str]) -> "Book":
        """All of it; an entry that cannot be read is a fault, and must not keep what bills alive."""
        read = {path.stem: tried(faults, ledger.read, path.stem) for path in sorted(ledger_dir().glob("*.json"))}
        entries = tuple(entry for entry in read.values() if entry)
        return cls(entries, frozenset(read) - {entry.lease for entry in entries})

    def open(self, stack: str | None) -> Iterator[Entry]:
        """The leases of this laptop, or of `stack`, that were begun and not closed."""
        return (entry for entry in self.entries if entry.ended is None and stack in (None, entry.stack))


def tried(faults: list[str], action: Callable[P, T], *words: P.args, **options: P.kwargs) -> T | None:
    """What `action` gives; trouble with one account or box must not keep the others alive, so it is kept for later.

    Any trouble: a full disk, or a row of a form that nobody expected, stops a killer as surely as a refusal.
    """
    try:
        return action(*words, **options)
    except DayboxError as error:
        faults.append(error.line())
    except Exception as error:
        faults.append(f"{type(error).__name__}: {error}")
    return None


def accounts_to_look_into(stack: str | None, book: Book, faults: list[str]) -> list[Account]:
    """The accounts where boxes of `stack` were begun, as the ledger says; else every account this laptop may use.

    A token goes only to the cloud it is of. Raises UsageError if there is none to ask.
    """
    begun = list(book.open(stack))
    urls = {entry.api_url: entry.cloud for entry in begun if entry.cloud != LOCAL}
    here = local_url()
    if here and (not begun or any(entry.cloud == LOCAL for entry in begun)):
        urls |= {here: LOCAL}
    if not (stack and begun) and has_linode_token():
        urls |= {cloud_named(LINODE).api_url: LINODE}
    if not urls and not faults:
        raise UsageError(
            "sweep: there is no account to look into", hint="export LINODE_TOKEN, or source scripts/env local"
        )
    found = (tried(faults, account_at, url, name) for url, name in sorted(urls.items()))
    return [account for account in found if account]


def account_at(api_url: str, cloud: str) -> Account:
    """The account of this cloud at `api_url`. Raises ConfigError without a token for it."""
    return Account(api_url, deploy_token(cloud_named(cloud).token))


def cloud_named(name: str) -> "Cloud":
    """The catalog's row of this cloud."""
    from stacks.catalog import CLOUDS
    from stacks.values import named

    return named(CLOUDS, name)


def not_asked(stack: str | None, book: Book) -> list[str]:
    """Which cloud may have boxes of this laptop's leases, and cannot be asked."""
    if local_url() or not any(entry.cloud == LOCAL for entry in book.open(stack)):
        return []
    return ["local cloud: it may have boxes, but is not running; source scripts/env local"]
