"""Checks of a doctor: each answered by itself, whatever becomes of it, and judged together."""

import pytest

from playbooks.doctor_check import Check, Finding, Question, answered, gravest, ok, one_line, unasked, wrong, wrongs
from stacks.errors import BoxError, CloudError, ConfigError, DayboxError, ModelError


def asked(ask: object, kind: type[DayboxError] = ConfigError) -> Check:
    def look(_: None) -> Finding:
        if isinstance(ask, BaseException):
            raise ask
        assert isinstance(ask, Finding)
        return ask

    return answered(Question("laptop/ssh", kind, look), None)


def test_what_is_found_is_a_row() -> None:
    check = asked(wrong("it is gone", "bring it back"))
    assert check.row() == {"name": "laptop/ssh", "state": "wrong", "fact": "it is gone", "cure": "bring it back"}


@pytest.mark.parametrize(
    ("error", "fact", "cure"),
    [
        (BoxError("box/daybox-7: not reached", hint="see fab status"), "box/daybox-7: not reached", "see fab status"),
        (KeyError("free_mib"), "this check broke: KeyError: 'free_mib'", ""),
        (PermissionError(13, "Permission denied", "/x"), "this check broke: PermissionError: [Errno 13]", ""),
    ],
    ids=["known", "ours", "the system's"],
)
def test_a_check_that_cannot_be_made_is_unknown_and_says_why(error: Exception, fact: str, cure: str) -> None:
    check = asked(error)
    assert (check.state, check.cure) == ("unknown", cure)
    assert check.fact.startswith(fact)


def test_ctrl_c_is_no_broken_check() -> None:
    with pytest.raises(KeyboardInterrupt):
        asked(KeyboardInterrupt())


def test_a_finding_may_be_graver_than_its_question() -> None:
    assert asked(wrong("gone", "", BoxError), CloudError).kind is BoxError


def test_what_nobody_could_ask_is_unknown() -> None:
    [check] = unasked([Question("box/disk", BoxError, lambda _: ok("fine"))], "the box was not reached")
    assert (check.state, check.fact) == ("unknown", "the box was not reached")


def test_what_a_box_says_cannot_steer_a_terminal() -> None:
    assert one_line("a\x1b[2Jb\nc") == "a [2Jb | c"


@pytest.mark.parametrize(
    ("kinds", "first"),
    [
        ((ConfigError, ModelError), ModelError),
        ((ModelError, BoxError), BoxError),
        ((ConfigError, CloudError), CloudError),
        ((DayboxError, ConfigError), ConfigError),
    ],
)
def test_the_exit_status_is_that_of_the_gravest(kinds: tuple[type[DayboxError], ...], first: type[DayboxError]) -> None:
    assert gravest([Check("x", "wrong", "", "", kind) for kind in kinds]) is first


def test_only_what_is_wrong_is_wrong() -> None:
    states = ("ok", "wrong", "unknown", "not-applicable")
    checks = [Check(state, state, "", "", ConfigError) for state in states]  # type: ignore[arg-type]
    assert [check.name for check in wrongs(checks)] == ["wrong"]
