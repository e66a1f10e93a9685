"""What can be bought, and where: types, regions, availability, images. Public, and the same for everybody."""

from collections.abc import Mapping
from typing import Protocol

from scripts.cloud import images, plans, regions
from scripts.cloud.cloud import Call
from scripts.cloud.lists import page
from scripts.cloud.replies import Json, not_found


class _Offer(Protocol):
    def body(self) -> Json: ...


def list_types(call: Call) -> Json:
    """Every type."""
    return page(call, "/linode/types", [plan.body() for plan in plans.PLANS])


def get_type(call: Call) -> Json:
    """One type."""
    return _one(plans.BY_ID, call)


def list_regions(call: Call) -> Json:
    """Every region."""
    return page(call, "/regions", [region.body() for region in regions.REGIONS])


def get_region(call: Call) -> Json:
    """One region."""
    return _one(regions.BY_ID, call)


def list_availability(call: Call) -> Json:
    """What is said to be in stock, region by region."""
    return page(call, "/regions/availability", regions.availability())


def get_availability(call: Call) -> list[Json]:
    """What is said to be in stock in one region: a bare list that does not name the region, as the real one."""
    region = _one(regions.BY_ID, call)["id"]
    rows = [row for row in regions.availability() if row["region"] == region]
    return [{"plan": row["plan"], "available": row["available"]} for row in rows]


def list_images(call: Call) -> Json:
    """Every public image."""
    return page(call, "/images", [image.body() for image in images.IMAGES])


def get_image(call: Call) -> Json:
    """One public image."""
    return _one(images.BY_ID, call)


def _one(offers: Mapping[str, _Offer], call: Call) -> Json:
    offer = offers.get(str(call.ids["id"]))
    if offer is None:
        raise not_found()
    return offer.body()
