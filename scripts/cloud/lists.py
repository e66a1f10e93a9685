"""Lists: filtered, ordered, and page by page."""

import math

from scripts.cloud import filters
from scripts.cloud.cloud import Call
from scripts.cloud.replies import Json, fault, refuse_if

DEFAULT_PAGE_SIZE = 100
PAGE_SIZES = (25, 500)


def page(call: Call, path: str, rows: list[Json]) -> Json:
    """One page of the rows that the caller wants. path: the list's key in FILTERABLE.

    A page beyond the last is empty and no error: the real provider asks for page 100 of the types when it starts.
    """
    number, size = _numbers(call)
    kept = filters.select(rows, call.wanted, filters.FILTERABLE[path])
    pages = max(1, math.ceil(len(kept) / size))
    return {"data": kept[(number - 1) * size : number * size], "page": number, "pages": pages, "results": len(kept)}


def _numbers(call: Call) -> tuple[int, int]:
    low, high = PAGE_SIZES
    number, size = _number(call, "page", 1), _number(call, "page_size", DEFAULT_PAGE_SIZE)
    faults = [fault("Must be 1 or greater", "page")] if number < 1 else []
    if not low <= size <= high:
        faults.append(fault(f"Must be between {low} and {high}", "page_size"))
    refuse_if(faults)
    return number, size


def _number(call: Call, name: str, otherwise: int) -> int:
    text = call.query.get(name, str(otherwise))
    return int(text) if text.isdigit() else 0
