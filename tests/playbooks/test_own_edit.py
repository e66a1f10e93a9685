"""Whatever a configuration looks like, ours is put in where it belongs, and every other byte stays what it was."""

import json
import re
from collections import Counter
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from playbooks.own_edit import Change, form_of, merged, taken_back, united
from playbooks.own_tree import MISSING, BrokenError, same
from tests.playbooks.own_texts import FLAT, KEYS, OURS, json_texts, nested, toml_texts, yaml_texts

EXAMPLES = 80  # of each claim; tried with 2000
SIGN = "daybox was here"
BLANK = re.compile(r"[\s,]")
CASES = st.one_of(
    st.tuples(st.just("json"), json_texts(), OURS),
    st.tuples(st.just("yaml"), yaml_texts(), OURS),
    st.tuples(st.just("toml"), toml_texts(), nested(FLAT)),
)


def is_within(part: str, whole: str) -> bool:
    """Whether nothing of `part` is missing in `whole`, in its order."""
    left = iter(whole)
    return all(sign in left for sign in part)


def marked(text: str, kind: str, changes: list[Change]) -> str:
    """The text with a sign of its own for each value that was replaced."""
    for change in changes:
        if change.former is not None:
            text = form_of(kind).put(text, change.steps, SIGN)
    return text


def merged_or_refused(kind: str, text: str, values: Any) -> tuple[str, list[Change]]:
    """As `merged`; where something stands that cannot be merged into, there is nothing to claim."""
    try:
        return merged(text, kind, values)
    except BrokenError as error:
        assume("belongs there" not in error.why)
        raise


@settings(max_examples=EXAMPLES, deadline=None)
@given(CASES)
def test_what_is_merged_is_there_and_what_is_taken_back_is_as_it_was(case: tuple[str, str, Any]) -> None:
    kind, text, values = case
    before = form_of(kind).plain(text)
    after, changes = merged_or_refused(kind, text, values)
    assert same(form_of(kind).plain(after), united(before, values))
    again, left = taken_back(after, kind, changes)
    back = form_of(kind).plain(again)
    assert left == []
    assert same({} if before is MISSING else before, {} if back is MISSING else back)


@settings(max_examples=EXAMPLES, deadline=None)
@given(CASES)
def test_every_byte_that_is_not_of_a_replaced_value_is_still_there(case: tuple[str, str, Any]) -> None:
    """And those that are new stand together: a value touches two lines at most, itself and the comma before it."""
    kind, text, values = case
    after, changes = merged_or_refused(kind, text, values)
    before, after = marked(text, kind, changes), marked(after, kind, changes)
    assert is_within(before.replace(json.dumps(SIGN), ""), after)
    touched = Counter(before.splitlines()) - Counter(after.splitlines())
    assert touched.total() <= 2 * len(changes)


@settings(max_examples=EXAMPLES, deadline=None)
@given(CASES)
def test_what_was_taken_back_has_every_byte_of_the_users(case: tuple[str, str, Any]) -> None:
    """But for commas, blanks and line breaks, of which one may go or come beside a value of ours."""
    kind, text, values = case
    after, changes = merged_or_refused(kind, text, values)
    again, _ = taken_back(after, kind, changes)
    assert BLANK.sub("", again).removesuffix("{}") == BLANK.sub("", text).removesuffix("{}")


@settings(max_examples=EXAMPLES, deadline=None)
@given(CASES)
def test_what_is_merged_twice_is_merged_once(case: tuple[str, str, Any]) -> None:
    kind, text, values = case
    after, _ = merged_or_refused(kind, text, values)
    assert merged(after, kind, values) == (after, [])


USERS = st.dictionaries(KEYS, st.fixed_dictionaries({"the user's own": st.integers(1, 9)}), max_size=3)


@settings(max_examples=EXAMPLES, deadline=None)
@given(CASES, USERS)
def test_what_the_user_adds_afterwards_stays_when_ours_goes(case: tuple[str, str, Any], users: Any) -> None:
    """Beside ours, and inside of what we made."""
    kind, text, values = case
    before = form_of(kind).plain(text)
    after, changes = merged_or_refused(kind, text, values)
    edited, _ = merged_or_refused(kind, after, users)
    again, left = taken_back(edited, kind, changes)
    wanted = united({} if before is MISSING else before, users)
    assert left == []
    assert without_nothings(form_of(kind).plain(again)) == without_nothings(wanted)


def without_nothings(value: Any) -> Any:
    """A value without empty mappings, which say nothing: one of ours that the user has used is left behind empty."""
    if not isinstance(value, dict):
        return {} if value is MISSING else value
    inner = {key: without_nothings(one) for key, one in value.items()}
    return {key: one for key, one in inner.items() if one != {}}
