import pytest

from scripts.cloud.plans import PLANS, Plan
from scripts.cloud.regions import BY_ID, REGIONS, availability


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.id)
def test_every_plan_has_a_price_by_the_hour(plan: Plan) -> None:
    assert plan.body()["price"]["hourly"] > 0


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.gpus], ids=lambda plan: plan.id)
def test_no_gpu_plan_has_a_price_by_the_month(plan: Plan) -> None:
    assert not plan.body()["price"]["monthly"]
    assert plan.body()["class"] == "gpu"


def test_all_13_public_gpu_plans_are_there() -> None:
    assert len([plan for plan in PLANS if plan.gpus]) == 13


def test_dear_regions_cost_more() -> None:
    nanode = next(plan for plan in PLANS if plan.id == "g6-nanode-1").body()
    assert nanode["region_prices"][0] == {"id": "id-cgk", "hourly": 0.009, "monthly": 6.0}


@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan.gpus], ids=lambda plan: plan.id)
def test_every_gpu_plan_is_sold_somewhere_and_only_where_there_are_gpus(plan: Plan) -> None:
    sellers = [region for region in REGIONS if region.sells(plan.id)]
    assert sellers and all(region.gpu for region in sellers)


def test_the_pretend_plan_is_sold_in_the_pretend_region_alone() -> None:
    assert [region.id for region in REGIONS if region.sells("local-cpu")] == ["local"]
    assert not BY_ID["local"].sells("g6-nanode-1")


def test_availability_has_more_rows_than_one_page() -> None:
    """So that a client that reads only the first page is found out."""
    assert len(availability()) > 100
