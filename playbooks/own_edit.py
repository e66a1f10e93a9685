"""Values put into the text of a configuration, and taken out of it: pure, and the same for every format."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from playbooks.own_commas import without_span
from playbooks.own_tree import (
    MISSING,
    BrokenError,
    Step,
    Steps,
    identity,
    is_named_list,
    same,
    value_at,
    words_of,
)


@dataclass(frozen=True)
class Change:
    """One value of ours in a file. former: the text that stood there before; None: nothing did."""

    steps: Steps
    ours: Any
    former: str | None = None


def form_of(kind: str) -> ModuleType:
    """The module that knows a format: it has `plain`, `put`, `put_text`, `text_at` and `without`."""
    return import_module(f"playbooks.own_{kind}")


def merged(text: str, kind: str, values: Any) -> tuple[str, list[Change]]:
    """The text with these values in it, and what that changed. Raises BrokenError if it cannot be, as it was."""
    form = form_of(kind)
    before, changes = form.plain(text), list[Change]()
    after = text
    for steps, ours in wishes(values, before):
        stood = value_at(before, steps) is not MISSING
        changes.append(Change(steps, ours, form.text_at(after, steps) if stood else None))
        after = form.put(after, steps, ours)
    if not says_all(after, form, united(before, values)):
        raise BrokenError("the values cannot be put in without changing other places of it")
    return after, changes


def says_all(text: str, form: ModuleType, wanted: Any) -> bool:
    """Whether the text can be read, and says what it should, no more and no less."""
    try:
        return same(form.plain(text), wanted)
    except BrokenError:
        return False


def wishes(ours: Any, theirs: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    """What has to be set where. Raises BrokenError where a mapping is needed and something else stands."""
    if theirs is MISSING or (theirs is None and steps):
        yield steps, ours
    elif isinstance(ours, Mapping):
        check_kind(theirs, Mapping, steps)
        for key, value in ours.items():
            yield from wishes(value, theirs.get(key, MISSING), (*steps, key))
    elif is_named_list(ours):
        check_kind(theirs, list, steps)
        for step, item in items(ours):
            yield from wishes(item, value_at(theirs, (step,)), (*steps, step))
    elif not same(ours, theirs):
        check_kind(theirs, (str, int, float, bool, list), steps)
        yield steps, ours


def check_kind(theirs: Any, wanted: Any, steps: Steps) -> None:
    """Raises BrokenError unless what stands there is of the wanted kind."""
    if not isinstance(theirs, wanted):
        word = {Mapping: "a mapping", list: "a list"}.get(wanted, "a single value")
        raise BrokenError(f"{words_of(steps)}: {word} belongs there, and {kind_of(theirs)} stands there")


def kind_of(value: Any) -> str:
    """For people."""
    words = {dict: "a mapping", list: "a list", str: "a text", bool: "a yes or no", int: "a number", float: "a number"}
    return words.get(type(value), "nothing" if value is None else "something else")


def items(ours: Sequence[Any]) -> Iterator[tuple[Step, Any]]:
    """Each item of a list whose items say which they are."""
    for item in ours:
        if step := identity(item):
            yield step, item


def united(theirs: Any, ours: Any) -> Any:
    """What the whole should say afterwards."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        return {**theirs, **{key: united(theirs.get(key, MISSING), value) for key, value in ours.items()}}
    if is_named_list(ours) and isinstance(theirs, list):
        return united_list(theirs, ours)
    return ours


def united_list(theirs: list[Any], ours: Sequence[Any]) -> list[Any]:
    """The same of a list whose items say which they are."""
    found = list(theirs)
    for step, item in items(ours):
        here = value_at(found, (step,))
        if here is MISSING:
            found.append(item)
        else:
            found[next(place for place, one in enumerate(found) if one is here)] = united(here, item)
    return found


def taken_back(text: str, kind: str, changes: Sequence[Change]) -> tuple[str, list[Steps]]:
    """The text without our values, with what stood there before; and where the user has put others since."""
    left = list[Steps]()
    for change in reversed(changes):
        text = take_back(text, kind, change, left)
    return text, left


def take_back(text: str, kind: str, change: Change, left: list[Steps]) -> str:
    """The text without one of them; where the user changed part of it, without the rest."""
    form = form_of(kind)
    theirs = value_at(form.plain(text), change.steps)
    if theirs is MISSING:
        return text
    if same(theirs, change.ours):
        return put_back(text, form, change)
    if change.former is not None or not has_parts(change.ours, theirs):
        left.append(change.steps)
        return text
    for part in reversed(list(parts(change))):
        text = take_back(text, kind, part, left)
    return without_bare(text, form, change.steps)


def put_back(text: str, form: ModuleType, change: Change) -> str:
    """The text with what stood there before, if anything did."""
    if change.former is not None:
        return str(form.put_text(text, change.steps, change.former))
    return without(text, form, change.steps)


def without(text: str, form: ModuleType, steps: Steps) -> str:
    """The text without what stands there, which exists; without steps only comments are left."""
    if steps:
        return str(form.without(text, steps))
    root = form.tree(text)
    return without_span(text, root.start, root.end)


def has_parts(ours: Any, theirs: Any) -> bool:
    """Whether both are mappings, or lists whose items say which they are: then ours is taken out part by part."""
    is_list = is_named_list(ours) and isinstance(theirs, list)
    return is_list or (isinstance(ours, Mapping) and isinstance(theirs, Mapping))


def parts(change: Change) -> Iterator[Change]:
    """What a mapping of ours, or a list, consists of."""
    inner = change.ours.items() if isinstance(change.ours, Mapping) else items(change.ours)
    for step, value in inner:
        yield Change((*change.steps, step), value)


def without_bare(text: str, form: ModuleType, steps: Steps) -> str:
    """The text without a mapping or list that we made, if nothing is left in it, not even a comment."""
    value = value_at(form.plain(text), steps)
    if value is MISSING or value not in ({}, []):
        return text
    if any(sign in form.text_at(text, steps) for sign in ("#", "//", "/*")):
        return text
    return without(text, form, steps)


def leaves(value: Any, steps: Steps = ()) -> dict[Steps, Any]:
    """Every single value in it."""
    if isinstance(value, Mapping) and value:
        inner = [((*steps, key), one) for key, one in value.items()]
    elif is_named_list(value):
        inner = [((*steps, step), one) for step, one in items(value)]
    else:
        return {steps: value}
    return {path: leaf for where, one in inner for path, leaf in leaves(one, where).items()}
