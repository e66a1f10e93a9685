"""Deleting: what the API refuses for good ends it, what may pass is asked again, and a reply proves nothing."""

from collections.abc import Iterator

import pytest

from stacks import refusals
from stacks.errors import CloudError
from stacks.refusals import Refused, api_error, until_gone


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "LOOK_SECONDS", 0.001)


def saying(*answers: object) -> Iterator[object]:
    yield from answers


def answer(answers: Iterator[object]) -> bool:
    """The next answer; an error is raised."""
    said = next(answers)
    if isinstance(said, Exception):
        raise said
    return bool(said)


def test_a_deletion_is_asked_for_until_it_is_proved() -> None:
    asked = list[int]()
    proofs = saying(False, False, True)
    until_gone("box 7", lambda: asked.append(1), lambda: answer(proofs))
    assert len(asked) == 3


def test_a_fault_of_either_is_asked_again() -> None:
    broken = CloudError("cloud: 500", hint="try again")
    deletes, proofs = saying(broken, None, None), saying(broken, broken, True)
    until_gone("box 7", lambda: (answer(deletes), None)[1], lambda: answer(proofs))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_for_good_is_asked_once(status: int) -> None:
    refusal = api_error("/x", status, "Invalid Token", "linodes:read_write")
    with pytest.raises(Refused, match=f"says {status}"):
        until_gone("box 7", lambda: (answer(saying(refusal)), None)[1], lambda: True)


def test_what_is_not_proved_in_time_may_still_be_there_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "END_SECONDS", 0.0)
    broken = CloudError("cloud: /x says 500: oh", hint="try again")
    with pytest.raises(CloudError, match="cloud: box 7 may still be there: cloud: /x says 500: oh"):
        until_gone("box 7", lambda: (answer(saying(broken)), None)[1], lambda: False)


def test_a_401_says_whether_the_token_or_its_scopes_are_wrong() -> None:
    assert api_error("/x", 401, "Invalid Token", "a b").hint.startswith("make a new one")
    assert api_error("/x", 401, "Your OAuth token is not authorized", "a b").hint == "the token needs the scopes a b"
