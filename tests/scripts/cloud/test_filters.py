import json

import pytest

from scripts.cloud.filters import parse, select
from scripts.cloud.replies import Json, Refusal

ROWS: list[Json] = [
    {"id": 1, "label": "one", "tags": ["red", "blue"], "entity": {"id": 7}, "size": 10},
    {"id": 2, "label": "two", "tags": [], "entity": None, "size": 20},
    {"id": 3, "label": "three", "tags": ["red"], "entity": {"id": 9}, "size": 20},
]
ALLOWED = frozenset({"id", "label", "tags", "entity.id", "size"})


def ids(wanted: Json) -> list[int]:
    return [row["id"] for row in select(ROWS, wanted, ALLOWED)]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [1, 2, 3]),
        ({"label": "two"}, [2]),
        ({"tags": "red"}, [1, 3]),
        ({"tags": {"+contains": "blu"}}, [1]),
        ({"entity.id": 9}, [3]),
        ({"size": {"+gt": 10}}, [2, 3]),
        ({"size": {"+gte": 10, "+lt": 20}}, [1]),
        ({"size": {"+lte": 10}}, [1]),
        ({"label": {"+neq": "two"}}, [1, 3]),
        ({"label": {"+contains": "t"}}, [2, 3]),
        ({"+or": [{"label": "one"}, {"label": "two"}]}, [1, 2]),
        ({"+and": [{"tags": "red"}, {"size": 20}]}, [3]),
        ({"+order_by": "label"}, [1, 3, 2]),
        ({"+order_by": "entity.id", "+order": "desc"}, [3, 1, 2]),
        ({"size": {"+gt": "ten"}}, []),
    ],
    ids=json.dumps,
)
def test_a_filter_finds_these_rows(wanted: Json, found: list[int]) -> None:
    assert ids(wanted) == found


def test_of_two_rows_that_order_alike_the_newer_stands_first_when_descending() -> None:
    assert ids({"+order_by": "size", "+order": "desc"}) == [3, 2, 1]


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"foo": 1}, "Cannot filter on foo"),
        ({"label": "nobody", "foo": 1}, "Cannot filter on foo"),
        ({"+or": [{"label": "one"}, {"foo": 1}]}, "Cannot filter on foo"),
        ({"label": {"+like": "o"}}, "Unknown operator +like"),
        ({"+order_by": "foo"}, "Cannot order by foo"),
        ({"+order_by": "id", "+order": "up"}, "+order must be asc or desc"),
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("rows", [ROWS, []], ids=["rows", "no rows"])
def test_a_bad_filter_is_refused_even_when_there_is_nothing_to_filter(
    rows: list[Json], wanted: Json, reason: str
) -> None:
    with pytest.raises(Refusal) as refused:
        select(rows, wanted, ALLOWED)
    assert refused.value.status == 400
    assert refused.value.faults == ({"reason": reason, "field": "X-Filter"},)


@pytest.mark.parametrize("header", ["[]", "{", "7"])
def test_a_header_that_is_no_object_is_refused(header: str) -> None:
    with pytest.raises(Refusal):
        parse(header)
