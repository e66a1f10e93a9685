"""What huggingface_hub raises, as errors of ours: each says whether the model, the token or the Hub is at fault."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stacks.errors import CloudError, ConfigError, DayboxError, ModelError, UsageError
from stacks.hub_layers import ANOTHER

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TIMEOUT_S = 10  # for an answer to begin, and for each next part of it
AGAIN = "try again later; `fab models` lists what daybox knows without the Hub"


@contextmanager
def plain_errors(site: str, hub_id: str) -> Iterator[None]:
    """Turn what huggingface_hub raises into an error of ours.

    Never with its own text: that of an illegal header holds the token.
    """
    import httpx2
    from huggingface_hub import errors

    path = f"{site}/{hub_id}"
    try:
        yield
    except errors.HFValidationError:
        raise UsageError(f"{hub_id!r} is no name on the Hub", hint="write it as org/name") from None
    except errors.HfHubHTTPError as error:
        raise refusal(site, path, error) from None
    except errors.OfflineModeIsEnabled:
        raise CloudError(f"{site}: HF_HUB_OFFLINE says to stay offline", hint="unset HF_HUB_OFFLINE") from None
    except httpx2.TimeoutException:
        raise CloudError(f"{site}: it did not answer within {TIMEOUT_S} s", hint=AGAIN) from None
    except (UnicodeEncodeError, httpx2.LocalProtocolError):
        raise ConfigError("HF_TOKEN: it holds what no token holds", hint="copy it anew, or unset it") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        reason = str(error) if isinstance(error, httpx2.ConnectError) else "the connection broke off"
        raise CloudError(f"{site}: it cannot be reached: {reason}", hint=f"check the network; {AGAIN}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise CloudError(
            f"{path}: what answered is not the Hub, or not as it should be",
            hint="open that page: a proxy or the sign-in of a network may stand in between",
        ) from None


def refusal(site: str, path: str, error: "HfHubHTTPError") -> DayboxError:
    """What a status that is no success means. error: HfHubHTTPError, whose class says more than the status."""
    from huggingface_hub import errors

    status = error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"{path}: it is gated",
            hint="accept its licence on that page, then set HF_TOKEN to a token of the account that did",
        )
    if isinstance(error, errors.DisabledRepoError):
        return ModelError(f"{path}: the Hub has disabled it", hint=ANOTHER)
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(f"{path}: it has no branch `main`", hint=ANOTHER)
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return ModelError(f"{path}: a file of its list is not there", hint="try again: it may just have changed")
    if "Invalid credentials" in error.response.headers.get("X-Error-Message", ""):
        return ConfigError(f"HF_TOKEN: {site} does not know this token", hint="set a valid one, or unset it")
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 404):
        # Without a token the Hub says 401 of what does not exist, so that nobody learns what is private.
        return ModelError(
            f"{path}: there is no such model, or it is private",
            hint="check the name on that page; for a private one set HF_TOKEN",
        )
    if status == 403:
        return ModelError(f"{path}: this token may not read it", hint="set HF_TOKEN to one that may")
    if status == 429:
        return CloudError(f"{site}: it was asked too often (HTTP 429)", hint="wait some minutes, or set HF_TOKEN")
    return CloudError(f"{site}: it answered HTTP {status}", hint=AGAIN)
