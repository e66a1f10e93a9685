"""The plugin process: starts as the engine starts it, tells its port, and ends with whoever started it."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from scripts.cloud.provider.errors import InitFailure
from scripts.cloud.provider.serve import end_of, init_failure_details
from scripts.cloud.provider.values import wrap

CHECKOUT = Path(__file__).parents[3]
LAUNCHER = CHECKOUT / "scripts/cloud/provider/bin/pulumi-resource-linode"
START_SECONDS = 15  # one on an idle machine; tests may run side by side


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[str]]:
    """Started in a folder that has a `scripts` of its own, as a user's may."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "scripts").mkdir()
    (folder / "scripts/__init__.py").write_text("raise SystemExit('the wrong scripts')")
    process = subprocess.Popen([LAUNCHER, "127.0.0.1:1"], cwd=folder, stdout=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def stub(plugin: subprocess.Popen[str]) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    assert plugin.stdout
    with grpc.insecure_channel(f"127.0.0.1:{int(plugin.stdout.readline())}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)


def test_the_plugin_tells_its_port_and_the_version_of_the_real_one(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    assert stub.GetPluginInfo(empty_pb2.Empty()).version == "6.8.0"


def test_an_error_of_ours_is_one_line_without_a_traceback(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Invoke(provider_pb2.InvokeRequest(tok="linode:index/getRegion:getRegion"))
    assert caught.value.details() == (
        "linode:index/getRegion:getRegion: the stand-in of the linode provider has no getters; ask the API directly"
    )


def test_an_unfinished_creation_tells_the_engine_id_properties_and_reason() -> None:
    """In the form the engine looks for: a status whose details hold ErrorResourceInitFailed."""
    secret = PropertyValue("c2VjcmV0", is_secret=True)
    error = InitFailure("7", properties={"label": wrap("box"), "key": secret}, inputs={"key": secret}, reason="late")
    ((name, sent),) = init_failure_details(error)
    told = provider_pb2.ErrorResourceInitFailed()
    status_pb2.Status.FromString(sent).details[0].Unpack(told)
    assert (name, told.id, list(told.reasons)) == ("grpc-status-details-bin", "7", ["late"])
    assert PropertyValue.unmarshal_map(told.properties)["key"] == secret


def test_the_plugin_ends_when_an_engine_was_killed() -> None:
    """A shell stands for the engine: it starts the plugin, tells its id, and is killed."""
    script = f"{LAUNCHER} 127.0.0.1:1 & echo $!; wait"
    engine = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)
    assert engine.stdout
    plugin_id, _port = int(engine.stdout.readline()), engine.stdout.readline()
    engine.kill()
    engine.wait()
    assert ends_within(plugin_id, START_SECONDS)


def ends_within(process_id: int, seconds: float) -> bool:
    """Whether that process, a child of nobody we know, is gone or dead in time."""
    deadline = time.monotonic() + seconds
    while Path(f"/proc/{process_id}/stat").exists() and state_of(process_id) != "Z":
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def state_of(process_id: int) -> str:
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(") ", 1)[1][0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def test_the_watch_ends_at_once_for_a_parent_that_is_gone_already() -> None:
    asyncio.run(asyncio.wait_for(end_of(os.getpid()), timeout=1))  # nobody is its own parent


def test_a_launcher_without_its_python_says_what_to_run(tmp_path: Path) -> None:
    copy = tmp_path / "scripts/cloud/provider/bin/pulumi-resource-linode"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(LAUNCHER.read_bytes())
    done = subprocess.run(["sh", copy], capture_output=True, text=True)
    root = tmp_path.resolve()
    assert (done.returncode, done.stderr) == (1, f"{root}/.venv/bin/python: not there; run {root}/scripts/setup\n")


def test_the_launcher_is_executable() -> None:
    assert os.access(LAUNCHER, os.X_OK) and sys.platform != "win32"
