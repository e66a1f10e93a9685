import httpx
import pytest

from scripts.cloud.guard import Guard
from tests.cloud import Cloud


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost:8000", "198.51.100.1:4000"])
def test_programs_here_and_on_boxes_are_let_in(cloud: Cloud, host: str) -> None:
    assert httpx.get(f"{cloud.url}/v4/regions", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Host": ""}, {"Origin": "null"}], ids=str)
def test_a_web_page_is_not(cloud: Cloud, headers: dict[str, str]) -> None:
    reply = httpx.get(f"{cloud.url}/v4/regions", headers=headers)
    assert (reply.status_code, reply.text.startswith("local cloud: ")) == (403, True)


@pytest.mark.anyio
async def test_a_box_does_not_reach_the_admin_route() -> None:
    """A box comes from its link's address, also when its packets were redirected to loopback."""

    async def open_door(scope: object, receive: object, send: object) -> None:
        raise AssertionError("was let in")

    transport = httpx.ASGITransport(Guard(open_door), client=("198.51.100.6", 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://198.51.100.1:4000") as box:
        assert (await box.get("/admin/requests")).status_code == 403


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
