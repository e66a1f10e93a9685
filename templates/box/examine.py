#!/usr/bin/env python3
"""What a doctor asks of a box, as one JSON: `python3 -` over ssh reads this program, so no box needs it beforehand.

Each section is asked by itself, in bounded time; one that breaks is `{"broken": why}` and the others go on. No prompt
and no key is in it: vLLM logs no requests, and of its key only the digest is told.
"""

import hashlib
import json
import os
import re
import runpy
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

ROOT = Path(os.environ.get("DAYBOX_ROOT", "/"))  # these three are set by tests only
VLLM = os.environ.get("DAYBOX_VLLM", "http://127.0.0.1:8000")
ARCHITECT = os.environ.get("DAYBOX_ARCHITECT", "http://127.0.0.1:8001")
QUICK_S, COMPLETION_S = 10, 45
HEAD, TAIL = 512 << 10, 1536 << 10  # bytes of a log: how it began, and what it came to
PLACES = ("/", "/var/lib/docker", "/var/lib/daybox", "/dev/shm")
GPU_FIELDS = "index,name,driver_version,memory.used,memory.total,temperature.gpu,ecc.errors.uncorrected.volatile.total"
PROGRESS = "prompt_tokens_total|generation_tokens_total|kv_cache_usage_perc"
CONTAINER_FIELDS = '{{.ID}}\t{{.Names}}\t{{.Image}}\t{{.State}}\t{{.Label "com.docker.compose.project"}}'


def said(*words: str, seconds: float = QUICK_S) -> str:
    """What a program prints. Raises OSError with its last words if it fails, is not there, or takes too long."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise OSError(f"{words[0]}: no answer within {seconds:.0f} s") from None
    if done.returncode:
        last = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise OSError(f"{words[0]}: {last.splitlines()[-1]}")
    return done.stdout


def facts() -> dict[str, Any]:
    """What the bundle tells the on-box programs."""
    return dict(json.loads((ROOT / "opt/daybox/facts.json").read_text()))


def container(name: str = "vllm") -> dict[str, Any] | None:
    """vLLM's container; None if there is none."""
    try:
        row = json.loads(said("docker", "inspect", "--type", "container", name))[0]
    except OSError as error:
        if any(word in str(error).lower() for word in ("no such container", "no such object")):
            return None
        raise
    state = row["State"]
    return {
        "id": row["Id"],
        "status": state["Status"],
        "exit_code": state["ExitCode"],
        "out_of_memory": state.get("OOMKilled", False),
        "error": state.get("Error", ""),
        "started": state["StartedAt"],
        "restarts": row.get("RestartCount", 0),
        "image": row["Config"]["Image"],
    }


def bounded(*words: str) -> str:
    """Both streams of a program that may say hundreds of megabytes: its beginning and its end."""
    head, tail = b"", b""
    whole = ("timeout", f"{2 * QUICK_S}", *words)
    with subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout
        while piece := process.stdout.read(1 << 18):
            room = HEAD - len(head)
            head, tail = head + piece[:room], (tail + piece[room:])[-TAIL:]
    return (head + tail).decode(errors="replace")


def logs() -> dict[str, str]:
    """What vLLM said since its newest start; and, if it was started again by Docker, what the starts before said."""
    found = container()
    if not found:
        return {"now": "", "before": ""}
    again = found["restarts"] > 0
    return {
        "now": bounded("docker", "logs", "--since", found["started"], "vllm"),
        "before": bounded("docker", "logs", "--until", found["started"], "vllm") if again else "",
    }


def gpus() -> dict[str, Any]:
    """The cards, who uses them, and what the kernel says of them, each as far as it can be told.

    smi: None if the box has no driver; or if that is broken, which `fault` says then.
    """
    found: dict[str, Any] = {"smi": None, "apps": [], "xid": [], "fault": ""}
    if not shutil.which("nvidia-smi"):
        return found
    form = "--format=csv,noheader,nounits"
    try:
        found["smi"] = said("nvidia-smi", f"--query-gpu={GPU_FIELDS}", form, seconds=2 * QUICK_S)
    except OSError as error:
        found["fault"] = str(error)
    with suppress(OSError):
        found["apps"] = named_apps(said("nvidia-smi", "--query-compute-apps=pid,used_memory,process_name", form))
    with suppress(OSError):
        kernel = said("journalctl", "--dmesg", "--boot", "--output=cat", "--no-pager")
        found["xid"] = [line for line in kernel.splitlines() if "NVRM: Xid" in line][-5:]
    return found


def named_apps(text: str) -> list[dict[str, Any]]:
    """The processes that hold a card's memory, and the id of the container that each is in; empty for none."""
    found = []
    for line in text.splitlines():
        pid, mib, name = (part.strip() for part in (*line.split(",", 2), "", "")[:3])
        group = ""
        with suppress(OSError):
            group = (ROOT / "proc" / pid / "cgroup").read_text()
        inside = next((word for word in group.replace("-", "/").replace(".", "/").split("/") if len(word) == 64), "")
        found.append({"pid": pid, "mib": mib, "name": name, "container": inside})
    return found


def disks() -> list[dict[str, Any]]:
    """Room on each disk, by the first path that lies on it."""
    found: dict[int, dict[str, Any]] = {}
    for path in (ROOT / place.lstrip("/") for place in PLACES):
        if path.is_dir():
            usage = shutil.disk_usage(path)
            row = {"path": f"/{path.relative_to(ROOT)}".replace("/.", "/"), "free_mib": usage.free >> 20}
            found.setdefault(path.stat().st_dev, row | {"total_mib": usage.total >> 20})
    return list(found.values())


def docker() -> dict[str, Any]:
    """The daemon, vLLM's image, and every container."""
    names = ("id", "name", "image", "state", "project")
    rows = said("docker", "ps", "--all", "--no-trunc", "--format", CONTAINER_FIELDS).splitlines()
    image = facts()["image"]["name"]
    try:
        there = bool(said("docker", "image", "inspect", "--format", "{{.Id}}", image))
    except OSError:
        there = False
    return {
        "version": said("docker", "version", "--format", "{{.Server.Version}}").strip(),
        "image": {"name": image, "there": there},
        "containers": [dict(zip(names, row.split("\t"), strict=False)) for row in rows],
    }


def report() -> dict[str, Any]:
    """The box's own report: stages, watchdog, bundle."""
    return dict(json.loads(said(str(ROOT / "opt/daybox/bin/report"), seconds=2 * QUICK_S)))


def journals() -> dict[str, str]:
    """The end of the log of each unit of ours that systemd holds for failed."""
    units = said("systemctl", "list-units", "--failed", "--plain", "--no-legend", "daybox-*").splitlines()
    names = [line.split()[0] for line in units if line.strip()]
    words = ("journalctl", "--boot", "--lines=60", "--output=cat", "--no-pager")
    return {name.removeprefix("daybox-").removesuffix(".service"): said(*words, f"--unit={name}") for name in names}


def watchdog() -> dict[str, Any]:
    """What the watchdog itself kept of its last look, and whether its timer runs."""
    state: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        state = json.loads((ROOT / "run/daybox/watchdog-state.json").read_text())
    words = ["systemctl", "is-active", "daybox-watchdog.timer"]
    timer = subprocess.run(words, capture_output=True, text=True, check=False, timeout=QUICK_S).stdout.strip()
    return {"checked": state.get("checked"), "trouble": state.get("trouble", ""), "timer": timer}


def weights() -> dict[str, Any]:
    """The model's folder, a link to where its files are: handed in by the cloud, or downloaded."""
    name = facts()["model"]["name"]
    folder = ROOT / "var/lib/daybox/models" / name
    files = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {
        "name": name,
        "handed_in": folder.is_symlink() and folder.readlink().is_relative_to(ROOT / "var/cache/daybox"),
        "files": len(files),
        "mib": sum(path.stat().st_size for path in files) >> 20,
    }


def asked(path: str, body: object, seconds: float, vllm: str = VLLM) -> tuple[int, Any]:
    """HTTP status and JSON that vLLM answers; its words, if that is no JSON. Raises OSError if nobody answers."""
    key = (ROOT / "etc/daybox/vllm-key").read_text().strip()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(vllm + path, data, headers), timeout=seconds) as reply:
            return reply.status, json.load(reply)
    except HTTPError as error:
        return error.code, error.read(300).decode(errors="replace")
    except (HTTPException, ValueError) as error:
        raise OSError(f"no answer in JSON ({type(error).__name__})") from None


def models() -> dict[str, Any]:
    """What vLLM serves, with which window."""
    status, answer = asked("/v1/models", None, QUICK_S)
    rows = answer["data"] if status == 200 else []
    return {
        "status": status,
        "served": [{"name": row["id"], "window": row.get("max_model_len")} for row in rows],
        "said": "" if status == 200 else answer,
    }


def queue() -> dict[str, Any]:
    """How many requests vLLM works on or lets wait, and how far it is with them. Raises OSError if nobody answers.

    progress: numbers as vLLM writes them, that stand still in an engine that hangs. A long prompt moves only the cache.
    """
    with urlopen(VLLM + "/metrics", timeout=QUICK_S) as reply:
        text = reply.read().decode()
    requests, progress = (
        re.findall(rf"^vllm:(?:{names})(?:\{{.*\}})? (\S+)", text, re.MULTILINE)
        for names in ("num_requests_running|num_requests_waiting", PROGRESS)
    )
    return {"requests": sum(map(float, requests)), "progress": progress}


def queue_later() -> dict[str, Any]:
    """The same, once a completion was tried."""
    return queue()


def completion(role: str = "model", vllm: str = VLLM) -> dict[str, Any]:
    """One real completion. The watchdog is told that it was ours: else a doctor in a loop kept an idle box alive."""
    begun = time.monotonic()
    body = {"model": facts()[role]["served"], "max_tokens": 1, "messages": [{"role": "user", "content": "Say yes."}]}
    status, answer = asked("/v1/chat/completions", body, COMPLETION_S, vllm)
    came = status == 200 and bool(answer.get("choices"))
    if came:
        with suppress(Exception):  # a box with an older program: it looks busy once
            note = runpy.run_path(str(ROOT / "opt/daybox/bin/ready"))["note_own_work"]
            note(answer) if role == "model" else note(answer, role)
    return {"status": status, "came": came, "seconds": time.monotonic() - begun, "said": "" if came else str(answer)}


def architect() -> dict[str, Any] | None:
    """The second vLLM: its container, one completion, and the end of its log; None if the box is to have none."""
    if "architect" not in facts():
        return None
    try:
        answer = completion("architect", ARCHITECT)
    except OSError as error:
        answer = {"status": 0, "came": False, "seconds": 0.0, "said": str(error)}
    log = bounded("docker", "logs", "--tail", "4000", "vllm-architect")
    return {"container": container("vllm-architect"), "completion": answer, "log": log}


def key() -> str:
    """The digest of vLLM's key: 256 random bits are not found by trying."""
    return hashlib.sha256((ROOT / "etc/daybox/vllm-key").read_bytes().strip()).hexdigest()


SECTIONS: tuple[Callable[[], Any], ...] = (
    *(time.time, container, logs, gpus, disks, docker),
    *(report, journals, watchdog, weights, models, queue, completion, queue_later, architect, key),
)


def tried(section: Callable[[], Any]) -> Any:
    """What the section says, or why it broke."""
    try:
        return section()
    except Exception as error:
        return {"broken": f"{type(error).__name__}: {error}" if not isinstance(error, OSError) else str(error)}


if __name__ == "__main__":
    print(json.dumps({section.__name__: tried(section) for section in SECTIONS}))
