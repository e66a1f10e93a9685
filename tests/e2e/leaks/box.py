"""The box of a row: a fake vLLM behind a real ssh server, a real ssh and daybox's own gateway; Pulumi knows of it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from playbooks.gateway_process import gateway_environment, gateway_of, orders_for, start_words, wait_until_up
from playbooks.tunnel_files import box_key_file, living_pid, tunnel_dir
from stacks.box import Box
from stacks.catalog import MODELS
from stacks.ssh import Target, prepare
from stacks.values import named
from tests.playbooks.fake_box import LoopThread, free_port, serve
from tests.playbooks.fake_vllm_protocols import KEY, SERVED, FakeVllm
from tests.playbooks.own_sshd import OwnSshd, descendants, make_key

STACK, INSTANCE = "coder-30b", 12345678
MODEL = named(MODELS, "qwen3-coder-30b").name
PULUMI = """#!{python}
import json, sys
words = sys.argv[3:]
if words[:2] == ["stack", "ls"]:
    print(json.dumps([{{"name": {stack!r}, "current": True, "resourceCount": 5}}]))
elif words[:2] == ["stack", "output"]:
    print(open({outputs!r}).read())
else:
    sys.exit("the pretend Pulumi does not know: " + " ".join(words))
"""


@dataclass
class RowBox:
    """Everything between a client's first packet and the model."""

    box: Box
    vllm: FakeVllm
    sshd: OwnSshd
    thread: LoopThread
    vllm_port: int
    gateway: "subprocess.Popen[bytes] | None" = None

    @property
    def ports(self) -> frozenset[int]:
        """Those behind the gateway: no client's business."""
        return frozenset({self.sshd.port, self.vllm_port})

    def open(self) -> None:
        """As `fab tunnel` leaves it."""
        folder = tunnel_dir(STACK)
        target = Target(STACK, "127.0.0.1", self.box.alias, self.sshd.login_key, (self.box.host_key,), self.sshd.port)
        orders = orders_for(self.box, prepare(target))
        orders = replace(orders, box_port=self.vllm_port)
        orders.write()
        box_key_file(STACK).write_text(KEY + "\n")
        nowhere = subprocess.DEVNULL
        self.gateway = subprocess.Popen(
            start_words(STACK),
            env={**os.environ, **gateway_environment()},
            stdin=subprocess.PIPE,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )
        assert self.gateway.stdin
        self.gateway.stdin.close()  # no token: the cloud is not asked
        while gateway_of(orders).status() is None:
            assert self.gateway.poll() is None
        wait_until_up(orders, folder)

    def end_ssh(self) -> None:
        """The tunnel is down and stays down: nobody answers at the box."""
        self.sshd.stop()
        for pid in descendants(self.gateway_pid()):
            os.kill(pid, signal.SIGKILL)

    def end_gateway(self) -> None:
        """Killed, with no time to say a word."""
        os.kill(self.gateway_pid(), signal.SIGKILL)
        assert self.gateway
        self.gateway.wait()

    def gateway_pid(self) -> int:
        """Of the gateway that lives."""
        pid = living_pid(tunnel_dir(STACK))
        assert pid is not None
        return pid


def row_box(folder: Path, edit: tuple[str, str]) -> RowBox:
    """A box of the stack, its tunnel not open yet. edit: what its model does, given a tool for it."""
    folder.mkdir()
    for name in ("host", "login"):
        make_key(folder / name)
    sshd, vllm_port, thread = OwnSshd(folder, free_port()), free_port(), LoopThread()
    sshd.start()
    vllm = FakeVllm(edit=edit)
    thread.call(serve(vllm.app(), lambda runner: web.TCPSite(runner, "127.0.0.1", vllm_port)))
    box = a_box(sshd)
    pretend_pulumi(folder, box)
    return RowBox(box, vllm, sshd, thread, vllm_port)


def a_box(sshd: OwnSshd) -> Box:
    """What `pulumi up` declared of it."""
    return Box(
        stack=STACK,
        lease="20261121t080000z-abcd",
        cloud="local",
        api_url="http://127.0.0.1:9",
        instance_id=INSTANCE,
        address="127.0.0.1",
        region="local",
        plan="local-cpu",
        usd_per_hour=None,
        price_source="",
        model=MODEL,
        served_name=SERVED,
        port=free_port(),
        dies_at="2030-01-01T00:00:00Z",
        idle_minutes=30,
        host_key=sshd.host_key,
        bundle_sha256="b" * 64,
        login_key=str(sshd.login_key),
    )


def pretend_pulumi(folder: Path, box: Box) -> None:
    """A stand-in for the engine, which says what the stack's outputs are."""
    (folder / "outputs.json").write_text(json.dumps(Box.to_outputs(**vars(box))))
    program = folder / "bin/pulumi"
    program.parent.mkdir()
    program.write_text(PULUMI.format(python=sys.executable, stack=STACK, outputs=str(folder / "outputs.json")))
    program.chmod(0o755)
