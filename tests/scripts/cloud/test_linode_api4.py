"""Linode's own Python client works against the double, and what it sends is what Linode's own validation expects."""

from collections.abc import Iterator

import pytest
from linode_api4 import Firewall, Instance, LinodeClient, PersonalAccessToken, Type, Volume
from linode_api4.errors import ApiError

from tests.cloud import FIREWALL, INSTANCE, TOKEN, Cloud, start_cloud
from tests.scripts.cloud.spec import leaves, operations
from tests.validation import faults_of, schema_of

KEY = str(INSTANCE["authorized_keys"][0])


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud that only this client uses."""
    running = start_cloud(tmp_path_factory.mktemp("api4"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(used: Cloud) -> LinodeClient:
    return LinodeClient(TOKEN, base_url=f"{used.url}/v4", retry_rate_limit_interval=0.1)


@pytest.fixture(scope="module")
def instance(client: LinodeClient) -> Instance:
    firewall = client.networking.firewall_create("fire", FIREWALL["rules"], tags=["daybox"])
    row = client.linode.instance_create(
        "local-cpu",
        "local",
        image="linode/debian13",
        authorized_keys=[KEY],
        label="daybox-local",
        tags=["daybox", "daybox-stack-local"],
        firewall=firewall,
        metadata=client.linode.build_instance_metadata(user_data="#cloud-config\n"),
        interface_generation="legacy_config",
        booted=True,
    )
    return row


def test_an_instance_is_listed_by_label_and_read_whole(client: LinodeClient, instance: Instance) -> None:
    (found,) = client.linode.instances(Instance.label == "daybox-local")
    assert (found.id, found.status, found.type.id, found.region.id) == (instance.id, "running", "local-cpu", "local")
    assert (found.has_user_data, found.tags) == (True, ["daybox", "daybox-stack-local"])
    assert [ip.address for ip in found.ips.ipv4.public] == found.ipv4


def test_its_parts_can_be_read(client: LinodeClient, instance: Instance) -> None:
    assert [disk.filesystem for disk in instance.disks] == ["ext4", "swap"]
    assert [str(config.kernel.id) for config in instance.configs] == ["linode/grub2"]
    assert [firewall.label for firewall in instance.firewalls()] == ["fire"]


def test_it_is_changed_and_rebooted(client: LinodeClient, instance: Instance) -> None:
    instance.tags = ["daybox", "daybox-until-20270101"]
    assert instance.save()
    assert instance.reboot()
    assert client.load(Instance, instance.id).tags == ["daybox", "daybox-until-20270101"]


def test_a_plan_is_read_with_its_price(client: LinodeClient) -> None:
    plan = client.load(Type, "g2-gpu-rtx4000a2-s")
    assert (plan.price.hourly, plan.price.monthly, plan.gpus) == (1.05, None, 2)
    assert len(client.linode.types()) == 18


def test_stock_is_read_over_all_pages(client: LinodeClient) -> None:
    assert len(client.regions.availability()) > 100
    stock = client.regions(*[])[0].availability
    assert all(row.available == row.plan.startswith("g2-gpu") for row in stock)


def test_a_firewall_and_its_devices_are_read(client: LinodeClient, instance: Instance) -> None:
    (firewall,) = client.networking.firewalls(Firewall.label == "fire")
    assert firewall.rules.inbound[0].ports == "22"
    assert [device.entity.id for device in firewall.devices] == [instance.id]


def test_a_token_is_made_and_revoked(client: LinodeClient, used: Cloud) -> None:
    token = client.profile.token_create(label="box", scopes="linodes:read_write", expiry="2030-01-01T00:00:00")
    limited = LinodeClient(token.token, base_url=f"{used.url}/v4")
    assert limited.linode.instances() is not None
    with pytest.raises(ApiError, match="not authorized"):
        limited.networking.firewalls()
    assert client.load(PersonalAccessToken, token.id).delete()
    with pytest.raises(ApiError, match="Invalid Token"):
        LinodeClient(token.token, base_url=f"{used.url}/v4").linode.instances()[0]


def test_a_volume_is_made_attached_and_given_back(client: LinodeClient, instance: Instance) -> None:
    volume = client.volume_create("disk", region="local", size=20)
    assert volume.attach(instance)
    volume.detach()
    assert client.load(Volume, volume.id).delete()


def test_the_client_waits_out_a_rate_limit(client: LinodeClient, used: Cloud) -> None:
    used.fault("rate-limit", "GET", "^/v4/profile$", seconds=0)
    assert client.profile().username == "daybox"


def test_a_false_404_is_an_error_of_the_client_too(client: LinodeClient, used: Cloud, instance: Instance) -> None:
    used.fault("false-404", "GET", f"/{instance.id}$")
    with pytest.raises(ApiError, match="404"):
        client.load(Instance, instance.id)


def test_what_was_sent_passes_linodes_own_validation(used: Cloud, instance: Instance) -> None:
    # POST alone: on PUT this client sends the whole object back, with nulls that the validation does not expect
    sent = [entry for entry in used.requests("POST") if schema_of(entry)]
    assert {entry["path"].rpartition("/")[2] for entry in sent} >= {"instances", "firewalls", "tokens", "volumes"}
    assert faults_of(sent) == []


def test_that_validation_can_fail() -> None:
    body = {"type": "local-cpu", "label": "x"}
    found = faults_of([{"method": "POST", "path": "/v4/linode/instances", "body": body}])
    assert "POST /v4/linode/instances: Region is required." in found


def test_what_was_sent_has_no_field_that_linode_does_not_know(used: Cloud, instance: Instance) -> None:
    sent = [entry["body"] for entry in used.requests("POST") if entry["path"] == "/v4/linode/instances"]
    assert sent and all(set(leaves(body)) <= operations()["POST /linode/instances"].asked for body in sent)


def test_a_deleted_instance_is_gone_for_the_client(client: LinodeClient, used: Cloud) -> None:
    row = client.linode.instance_create("local-cpu", "local", image="linode/debian13", authorized_keys=[KEY])
    assert row.delete()
    with pytest.raises(ApiError, match="404"):
        client.load(Instance, row.id)
    found = [event.entity.id for event in client.account.events() if event.action == "linode_delete"]
    assert found == [row.id]
