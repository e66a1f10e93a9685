"""What a box told a doctor: recorded on a real box of the local cloud (2026-11-26), and with parts of it changed."""

from collections.abc import Mapping
from typing import Any

from playbooks.doctor_exam import Exam
from stacks.box import Box
from stacks.settings import Settings
from tests.playbooks.pretend_box import BOOT, BOX, whole_run

# As vLLM 0.32 said them on that box.
START = "(APIServer pid=1) INFO 11-26 15:24:38 [utils.py:299]        █     █     █▄   ▄█       version 0.32.0+cpu\n"
HEALTHY = f"{START}(APIServer pid=1) INFO:     Application startup complete.\n"
KV_TOO_SMALL = (
    f"{START}(EngineCore pid=20) ERROR 11-26 15:24:47 [core.py:1510] ValueError: To serve at least one request with "
    "the model's max seq len (4096), (0.09 GiB KV cache is needed, which is larger than the available KV cache memory "
    "(0.04 GiB). Based on the available memory, the estimated maximum model length is 1920. Try increasing "
    "`gpu_memory_utilization` (which also controls CPU memory on the CPU backend) or decreasing `max_model_len`.\n"
)
DAMAGED = f"{START}SafetensorError: Error while deserializing header: incomplete metadata, file not fully covered\n"
NOW = 1_795_706_952.0
VLLM_ID = "8a1543a3915c314d930cef24bf440dceb084a1ac7c1a3481af423d57fd3de816"
FACTS: Mapping[str, Any] = {
    "time": NOW,
    "container": {
        "id": VLLM_ID,
        "status": "running",
        "exit_code": 0,
        "out_of_memory": False,
        "error": "",
        "started": "2026-11-26T15:25:42.553802456Z",
        "restarts": 0,
        "image": "daybox/vllm-cpu:0.32.0",
    },
    "logs": {"now": HEALTHY, "before": ""},
    "gpus": {"smi": None, "apps": [], "xid": [], "fault": ""},
    "disks": [
        {"path": "/", "free_mib": 56762, "total_mib": 258019},
        {"path": "/dev/shm", "free_mib": 2410, "total_mib": 2410},
    ],
    "docker": {
        "version": "26.1.5+dfsg1",
        "image": {"name": "daybox/vllm-cpu:0.32.0", "there": True},
        "containers": [{"id": VLLM_ID, "name": "vllm", "image": "x", "state": "running", "project": "daybox"}],
    },
    "report": {
        "boot": BOOT,
        "bundle": "b" * 64,
        "stages": [vars(event) for event in whole_run()],
        "watchdog": {"armed": True, "now": NOW, "action": "keep", "dies_at": NOW + 9000, "why": "idle for 30 min"},
        "vllm": "running",
        "ready": True,
    },
    "journals": {},
    "watchdog": {"checked": NOW - 14, "trouble": "", "timer": "active"},
    "weights": {"name": "smollm2-135m", "handed_in": True, "files": 5, "mib": 259},
    "models": {"status": 200, "served": [{"name": BOX.served_name, "window": 4096}], "said": ""},
    "queue": {"requests": 0.0, "progress": ["40.0", "9.0", "0.0"]},
    "completion": {"status": 200, "came": True, "seconds": 0.5, "said": ""},
    "queue_later": {"requests": 0.0, "progress": ["71.0", "10.0", "0.0"]},
    "architect": None,
    "key": "2e81a93d6eae4f802aa5a4d51bfdcf5dfba633d21ada41ea74a94b7b636f5835",
}
SILENT = {"broken": "<urlopen error [Errno 111] Connection refused>"}
HANGS: Mapping[str, Any] = {"queue": {"requests": 3.0}, "queue_later": FACTS["queue"], "completion": SILENT}


def exam(box: Box = BOX, *, settings: Settings | None = None, ahead: float = 1.0, **changes: Any) -> Exam:
    """The exam with sections changed: a mapping changes parts of one, anything else takes its place."""
    facts = dict(FACTS)
    for name, value in changes.items():
        both = isinstance(value, dict) and isinstance(facts[name], dict) and "broken" not in value
        facts[name] = {**facts[name], **value} if both else value
    return Exam(box, settings, facts, ahead)


def silent(log: str = "", **changes: Any) -> Exam:
    """The exam of a box whose vLLM does not answer. log: what it said instead."""
    return exam(**{"logs": {"now": log}, "models": SILENT, "completion": SILENT} | changes)
