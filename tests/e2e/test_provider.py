"""The stand-in under the real Pulumi engine, against the local cloud without boxes: one lease from preview to destroy.

The engine takes seconds for a command, so the story is played once, and each test looks at one chapter of it:
refused (a foreign cloud) · planned · first (up) · again · edited (and the tags changed by hand) · broken (a
replacement that is not seen through) · healed (and a longer life) · blind (destroy without refresh, the box gone) ·
destroyed.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from scripts.cloud.provider.endpoint import WAY_OUT
from tests.cloud import TOKEN, Cloud, start_cloud
from tests.e2e.engine import SETTINGS, Engine

USER_DATA = ("Zmlyc3Qtc2VjcmV0LXVzZXItZGF0YQ==", "c2Vjb25kLXNlY3JldC11c2VyLWRhdGE=")
PROGRAM = f"""
import json, os, pulumi, pulumi_linode as linode
s = json.loads(os.environ[{SETTINGS!r}])
here = linode.Provider("cloud", url=s["url"], token=pulumi.Output.secret({TOKEN!r}))
whole = pulumi.ComponentResource("daybox:tests:Lease", "whole")
opts = pulumi.ResourceOptions(provider=here, parent=whole)
linode.Token("token", label="key", scopes="linodes:read_write", expiry=s["expiry"], opts=opts)
wall = linode.Firewall(
    "wall", label="daybox-wall", inbound_policy="DROP", outbound_policy="ACCEPT", tags=["wall-b", "wall-a"],
    inbounds=[linode.FirewallInboundArgs(
        action="ACCEPT", label="ssh", protocol="TCP", ports=s["ports"], ipv4s=["203.0.113.9/32"])],
    opts=opts)
box = linode.Instance(
    "box", label=s["label"], region="local", type="local-cpu", image="linode/debian13", tags=s["tags"],
    authorized_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA nobody@example.net\\n"], backups_enabled=False,
    firewall_id=wall.id.apply(int), interface_generation="legacy_config", watchdog_enabled=True,
    metadatas=[linode.InstanceMetadataArgs(user_data=pulumi.Output.secret(s["user_data"]))],
    opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(
        delete_before_replace=True, replace_on_changes=["type", "region"])))
linode.Volume(
    "weights", label=box.ipv4s.apply(lambda found: "weights-" + found[0].replace(".", "-")), region="local", size=20,
    linode_id=box.id.apply(int), opts=opts)
"""
SETTING = {
    "expiry": "2039-01-01T00:00:00Z",
    "ports": "22",
    "label": "daybox-box",
    "tags": ["daybox", "daybox-stack-s"],
    "user_data": USER_DATA[0],
}
EDITED = {"label": "daybox-box-2", "ports": "22,80"}
REPLACED = EDITED | {"user_data": USER_DATA[1]}
PROLONGED = REPLACED | {"expiry": "2039-01-02T00:00:00Z"}
FOREIGN = "https://api.example.org"


@dataclass
class Story:
    """What was seen in each chapter."""

    cloud: Cloud
    engine: Engine
    done: dict[str, subprocess.CompletedProcess[str]] = field(default_factory=dict)
    planned: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    state: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=dict)

    def up(self, chapter: str, *words: str, **changed: object) -> None:
        """`pulumi up` with what is changed for this chapter; the state after it, and the calls that it made."""
        before = len(self.cloud.requests())
        self.done[chapter] = self.engine.up(*words, url=self.cloud.url, **(SETTING | changed))
        self.calls[chapter] = [f"{call['method']} {call['path']}" for call in self.cloud.requests()[before:]]
        self.state[chapter] = self.engine.resources()

    def plan(self, chapter: str, *words: str, **changed: object) -> None:
        """`pulumi preview`: what it would do with each resource, but for looking at it."""
        steps = self.engine.preview(*words, url=self.cloud.url, **(SETTING | changed))["steps"]
        told = {step["urn"].rsplit("::", 1)[1]: step for step in steps if step["op"] not in ("refresh", "same")}
        self.planned[chapter] = told

    def box(self, chapter: str) -> dict[str, Any]:
        """The Instance, as the state had it."""
        return self.state[chapter]["box"]

    def of_the_box(self, chapter: str, since: str = "") -> list[str]:
        """The calls about Instances and events, with an id as `…`; from the first that is `since` on."""
        about = [call for call in self.calls[chapter] if "/linode/instances" in call or "/account/events" in call]
        calls = [re.sub(r"/\d+", "/…", call).replace("/v4", "") for call in about]
        return calls[calls.index(since) :] if since else calls


def play(story: Story) -> Story:
    """The chapters, in their order."""
    story.done["refused"] = story.engine.run("preview", url=FOREIGN, **SETTING)
    story.plan("planned")
    story.up("first")
    story.plan("again")
    story.cloud.json("PUT", f"/linode/instances/{story.box('first')['id']}", {"tags": ["by-hand"]})
    story.up("edited", **EDITED)
    story.cloud.fault("server-error", "GET", r"^/v4/linode/instances/\d+/ips$")
    story.up("broken", "--refresh=false", **REPLACED)
    story.up("healed", **PROLONGED)
    story.state["in clear"] = story.engine.resources("--show-secrets")
    story.cloud.call("DELETE", f"/linode/instances/{story.box('healed')['id']}")
    story.done["blind"] = story.engine.destroy("--refresh=false")
    story.done["destroyed"] = story.engine.destroy()
    return story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("lease")
    cloud = start_cloud(folder)
    try:
        yield play(Story(cloud, Engine(folder / "engine", PROGRAM)))
    finally:
        cloud.stop()


def test_a_foreign_cloud_is_refused_before_anything_is_sent(story: Story) -> None:
    fact = (
        f"linode:url: {FOREIGN} is not on this machine: this stand-in of the linode provider goes no farther; {WAY_OUT}"
    )
    told = story.done["refused"]
    assert told.returncode != 0
    assert any(line.endswith(fact) for line in (told.stdout + told.stderr).splitlines())


def test_a_preview_creates_nothing(story: Story) -> None:
    """Of all calls up to the first that makes something, none but the one at configure."""
    calls = [f"{call['method']} {call['path']}" for call in story.cloud.requests()]
    first = next(number for number, call in enumerate(calls) if call.startswith("POST "))
    assert set(calls[:first]) == {"GET /v4/linode/types"}


@pytest.mark.parametrize(
    ("name", "taker"),
    [("box", "firewallId"), ("weights", "linodeId"), ("weights", "label")],
    ids=["id of the firewall", "id of the box", "address of the box"],
)
def test_what_only_the_cloud_can_know_is_unknown_in_a_preview(story: Story, name: str, taker: str) -> None:
    """Seen where another resource takes it."""
    assert story.planned["planned"][name]["newState"]["inputs"][taker] == UNKNOWN


def test_up_makes_everything(story: Story) -> None:
    assert story.done["first"].returncode == 0, story.done["first"].stdout
    assert set(story.state["first"]) == {"lease-s", "cloud", "whole", "token", "wall", "box", "weights"}
    assert story.box("first")["outputs"]["status"] == "running"


def test_up_makes_the_calls_of_the_real_provider(story: Story) -> None:
    """As measured with provider 6.0.0, where neither Token nor Volume took part."""
    calls = [re.sub(r"/\d+", "/…", call) for call in story.calls["first"] if not re.search("tokens|volumes", call)]
    assert calls == [
        "GET /v4/linode/types",
        "POST /v4/networking/firewalls",
        "GET /v4/networking/firewalls/…/rules",
        "GET /v4/networking/firewalls/…/devices",
        "POST /v4/linode/instances",
        "GET /v4/linode/instances/…",
        "GET /v4/linode/instances/…/ips",
        "GET /v4/linode/instances/…/disks",
        "GET /v4/linode/instances/…/configs",
    ]


def test_nothing_changes_where_nothing_was_changed(story: Story) -> None:
    """Although the API spells expiry and tags in its own way."""
    assert story.planned["again"] == {}


def test_labels_tags_and_rules_change_in_place(story: Story) -> None:
    assert story.done["edited"].returncode == 0, story.done["edited"].stdout
    assert story.box("edited")["id"] == story.box("first")["id"]
    assert story.box("edited")["outputs"]["label"] == "daybox-box-2"
    assert story.state["edited"]["wall"]["outputs"]["inbounds"][0]["ports"] == "22,80"


def test_what_was_changed_by_hand_is_seen_and_undone(story: Story) -> None:
    assert sorted(story.box("edited")["outputs"]["tags"]) == SETTING["tags"]


def test_other_user_data_replace_the_box(story: Story) -> None:
    assert story.of_the_box("broken", since="GET /account/events")[:3] == [
        "GET /account/events",
        "DELETE /linode/instances/…",
        "GET /account/events",
    ]
    assert story.box("broken")["id"] != story.box("edited")["id"]


def test_the_new_box_comes_after_the_deletion_is_finished(story: Story) -> None:
    calls = story.of_the_box("broken")
    assert calls[calls.index("POST /linode/instances") - 1] == "GET /account/events/…"


def test_a_box_whose_creation_is_not_seen_through_stays_in_the_state(story: Story) -> None:
    fact = f"Linode instance {story.box('broken')['id']}: [500] Internal server error"
    assert story.done["broken"].returncode != 0
    assert story.box("broken")["initErrors"] == [fact]
    assert fact in story.done["broken"].stdout + story.done["broken"].stderr


def test_the_next_up_takes_it_over(story: Story) -> None:
    assert story.done["healed"].returncode == 0, story.done["healed"].stdout
    assert story.box("healed")["id"] == story.box("broken")["id"]
    assert not story.box("healed").get("initErrors")


def test_a_later_expiry_replaces_the_token_and_nothing_else(story: Story) -> None:
    ids = [{name: row.get("id") for name, row in story.state[chapter].items()} for chapter in ("broken", "healed")]
    assert {name for name in ids[0] if ids[0][name] != ids[1].get(name)} == {"token"}


def test_a_volume_follows_the_box_in_place(story: Story) -> None:
    volumes = [story.state[chapter]["weights"] for chapter in ("edited", "healed")]
    assert volumes[0]["id"] == volumes[1]["id"]
    assert [volume["outputs"]["linodeId"] for volume in volumes] == [
        int(story.box(name)["id"]) for name in ("edited", "healed")
    ]


def test_a_token_keeps_its_value_through_every_refresh(story: Story) -> None:
    value = story.state["in clear"]["token"]["outputs"]["token"]["plaintext"]
    assert re.fullmatch(r'"[0-9a-f]{64}"', value)


def test_a_plain_destroy_fails_when_the_box_is_gone_as_with_the_real_provider(story: Story) -> None:
    told = story.done["blind"]
    assert told.returncode != 0
    assert f"Error deleting Linode instance {story.box('healed')['id']}: [404] Not found" in told.stdout + told.stderr


def test_a_destroy_that_looks_first_succeeds_and_leaves_nothing(story: Story) -> None:
    assert story.done["destroyed"].returncode == 0, story.done["destroyed"].stdout
    assert story.cloud.json("GET", "/linode/instances")["data"] == []
    assert story.cloud.json("GET", "/networking/firewalls")["data"] == []
    assert story.cloud.json("GET", "/volumes")["data"] == []
    assert "key" not in [token["label"] for token in story.cloud.json("GET", "/profile/tokens")["data"]]


@pytest.mark.parametrize("chapter", ["first", "edited", "healed"])
def test_secrets_are_ciphertext_in_the_state_also_after_a_refresh(story: Story, chapter: str) -> None:
    state = story.state[chapter]
    assert "ciphertext" in state["token"]["outputs"]["token"]
    assert "ciphertext" in str(state["box"]["inputs"]["metadatas"])
    assert "ciphertext" in str(state["box"]["outputs"]["metadatas"])


def test_no_file_of_the_engine_holds_a_secret_in_clear(story: Story) -> None:
    """State, history, backups, plugin logs: of the user-data, the token, and the provider's own token."""
    planted = [*USER_DATA, TOKEN, story.state["in clear"]["token"]["outputs"]["token"]["plaintext"].strip('"')]
    program = ("__main__.py", "__pycache__")  # the test's own, which plants them
    files = [path for path in story.engine.folder.rglob("*") if path.is_file()]
    kept = [path for path in files if not set(program) & set(path.parts)]
    assert [str(path) for path in kept for word in planted if word.encode() in path.read_bytes()] == []
    assert len(kept) > 5


def test_no_error_of_ours_is_a_traceback(story: Story) -> None:
    told = "".join(done.stdout + done.stderr for done in story.done.values())
    assert "Traceback" not in told and "File " not in told
