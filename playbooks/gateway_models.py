"""The list of models of a box that serves two: each vLLM lists its own, and a client sees one list."""

import json
from collections.abc import Sequence
from typing import Any


def merged(lists: Sequence[bytes]) -> dict[str, Any]:
    """One list of all, each row as its own vLLM wrote it, with its own `max_model_len`."""
    found = [answer for answer in map(as_object, lists) if isinstance(answer.get("data"), list)]
    return {"object": "list", "data": [row for answer in found for row in answer["data"]]}


def as_object(text: bytes) -> dict[str, Any]:
    """The object in an answer; an empty one if there is none."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
