"""The Volume: waits until it is active, and is detached before it goes."""

import pytest

from scripts.cloud.provider.errors import ProviderError, Unfinished
from scripts.cloud.provider.values import Plain
from scripts.cloud.provider.volume import Volume
from tests.scripts.cloud.provider_bodies import VOLUME
from tests.scripts.cloud.scripted_api import ScriptedApi, refusal

HERE = "/volumes/8"
INPUTS: Plain = {"label": "weights", "region": "us-ord", "size": 40}
CREATING, ATTACHED = VOLUME | {"status": "creating"}, VOLUME | {"linode_id": 7}


def test_a_create_waits_until_the_volume_is_active() -> None:
    api = ScriptedApi({"POST /volumes": [CREATING], f"GET {HERE}": [CREATING, VOLUME]})
    volume_id, state = Volume().create(api, INPUTS, 5)
    assert (volume_id, state["status"], api.bodies["POST /volumes"]) == ("8", "active", INPUTS)


def test_a_volume_that_does_not_become_active_keeps_its_id() -> None:
    with pytest.raises(Unfinished, match=r"^volume 8: /volumes/8 to be active: not within 0 s$"):
        Volume().create(ScriptedApi({"POST /volumes": [CREATING], f"GET {HERE}": [CREATING]}), INPUTS, 0)


def test_a_bigger_size_is_a_resize_that_is_waited_for() -> None:
    api = ScriptedApi({f"POST {HERE}/resize": [VOLUME], f"GET {HERE}": [VOLUME | {"status": "resizing"}, VOLUME]})
    Volume().update(api, "8", frozenset(("size",)), INPUTS, 5)
    assert (api.bodies[f"POST {HERE}/resize"], api.calls.count(f"GET {HERE}")) == ({"size": 40}, 3)


def test_another_linode_gets_it_after_the_first_has_let_go() -> None:
    other = VOLUME | {"linode_id": 9}
    answers: dict[str, list[Plain]] = {
        f"GET {HERE}": [ATTACHED, ATTACHED, VOLUME, other],
        f"POST {HERE}/detach": [{}],
        f"POST {HERE}/attach": [other],
    }
    api = ScriptedApi(answers)
    Volume().update(api, "8", frozenset(("linodeId",)), INPUTS | {"linodeId": 9}, 5)
    assert [call for call in api.calls if call.startswith("POST")] == [f"POST {HERE}/detach", f"POST {HERE}/attach"]


def test_an_attached_volume_is_detached_before_it_is_deleted() -> None:
    api = ScriptedApi({f"GET {HERE}": [ATTACHED, VOLUME], f"POST {HERE}/detach": [{}], f"DELETE {HERE}": [{}]})
    Volume().delete(api, "8", {"linodeId": 7}, 5)
    assert [call for call in api.calls if not call.startswith("GET")] == [f"POST {HERE}/detach", f"DELETE {HERE}"]


def test_deleting_what_is_gone_is_an_error_as_with_the_real_provider() -> None:
    with pytest.raises(ProviderError, match=r"^Error deleting volume 8: \[404\] Not found$"):
        Volume().delete(ScriptedApi({f"DELETE {HERE}": [refusal(404, "Not found")]}), "8", {}, 5)
