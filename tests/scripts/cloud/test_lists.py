import pytest

from tests.cloud import Cloud

PATH = "/regions/availability"


def test_a_list_comes_page_by_page(cloud: Cloud) -> None:
    first = cloud.json("GET", f"{PATH}?page_size=100")
    pages = [cloud.json("GET", f"{PATH}?page={page}&page_size=100")["data"] for page in range(1, first["pages"] + 1)]
    assert first["results"] == sum(len(page) for page in pages) > 100
    assert first["data"] == pages[0] != pages[1]


def test_a_page_has_100_rows_unless_asked_otherwise(cloud: Cloud) -> None:
    assert len(cloud.json("GET", PATH)["data"]) == 100


def test_a_page_beyond_the_last_is_empty_and_no_error(cloud: Cloud) -> None:
    """The real provider asks for page 100 of the types when it starts, and gives up at a 404."""
    assert cloud.json("GET", "/linode/types?page=100", token="")["data"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [("page=0", "page"), ("page=x", "page"), ("page_size=24", "page_size"), ("page_size=501", "page_size")],
)
def test_a_page_that_cannot_be_is_refused(cloud: Cloud, query: str, field: str) -> None:
    reply = cloud.call("GET", f"{PATH}?{query}")
    assert (reply.status_code, reply.json()["errors"][0]["field"]) == (400, field)


def test_an_empty_list_has_one_page(own_cloud: Cloud) -> None:
    assert own_cloud.json("GET", "/linode/instances") == {"data": [], "page": 1, "pages": 1, "results": 0}


def test_a_filter_on_a_field_that_has_none_is_refused(cloud: Cloud) -> None:
    reply = cloud.call("GET", "/linode/instances", X_Filter='{"foo": 1}')
    assert reply.status_code == 400
    assert reply.json() == {"errors": [{"reason": "Cannot filter on foo", "field": "X-Filter"}]}
