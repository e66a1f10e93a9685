"""What is asked of a model that works: that it answers, remembers, calls tools and edits; each check says its facts."""

import json
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from playbooks import edit
from playbooks.ask_vllm import chat, text_of, token_ids
from playbooks.prefix_check import hits_its_prefix_cache
from playbooks.served import FailedError, Served, SkippedError, user
from playbooks.shared_prompt import Shared, common_length, repeated_text, requests_like

SHORT_SECONDS = 20.0
LEAST_SHARED = 0.95
# Of few values: a small model never comes to the end of a text of its own. Each with its type: else qwen3_coder's
# parser makes a text of a number. Source: vLLM, qwen3coder_tool_parser.py, `_convert_param_value`.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "path": {"type": "string", "enum": ["a.py", "b.py"]},
    "line": {"type": "integer", "enum": [1, 7, 70]},
}
TOOL = {
    "type": "function",
    "function": {
        "name": "read_line",
        "description": "Read one line of a file.",
        "strict": True,  # else vLLM holds a call to no schema
        "parameters": {
            "type": "object",
            "properties": ARGUMENTS,
            "required": [*ARGUMENTS],
            "additionalProperties": False,
        },
    },
}


def answers(served: Served, seconds: float) -> str:
    """One completion comes back."""
    message, _ = chat(
        served.target,
        served.name,
        [user("Say yes.")],
        seconds=min(seconds, SHORT_SECONDS),
        max_tokens=4,
        architect=served.beside,
        **served.quiet,
    )
    return "" if message.get("content") else "it answered, with no text in so few tokens"


def shares_aiders_prompt(served: Served, seconds: float) -> str:
    """What two requests of aider in a row have in common is the same tokens, through the model's chat template."""
    requests = requests_like(served.facts)
    each = min(seconds / (2 * len(requests)), SHORT_SECONDS)
    tokens = [token_ids(served.target, served.name, messages=one, seconds=each) for one in requests]
    found = list[Shared]()
    for index, (one, other) in enumerate(pairwise(tokens)):
        text = repeated_text(requests[index], requests[index + 1])
        repeated = len(token_ids(served.target, served.name, prompt=text, add_special_tokens=False, seconds=each))
        found.append(Shared(common_length(one, other), repeated, len(other)))
        if found[-1].kept < LEAST_SHARED:
            start = found[-1].common
            said = text_of(served.target, served.name, other[start : start + 12], seconds=each)
            raise FailedError(
                f"aider repeats {repeated} tokens, {start} of them ({percent(found[-1].kept)}) are a common beginning: "
                f"the chat template differs from there on, at {said!r}"
            )
    least, whole = min(one.kept for one in found), " and ".join(percent(one.of_prompt) for one in found)
    return f"{percent(least)} of what aider repeats; that is {whole} of its next prompts, as files come behind the talk"


def calls_a_tool(served: Served, seconds: float) -> str:
    """A tool call comes back as one, not as text."""
    if not served.tools:
        raise SkippedError("no parser of tool calls is served for this model")
    asked, limit = [user("Read line 7 of the file a.py with the tool.")], min(seconds / 2, SHORT_SECONDS)
    more = {"tools": [TOOL], "max_tokens": 300, **served.quiet}
    message, _ = chat(served.target, served.name, asked, seconds=limit, tool_choice="auto", **more)
    if message.get("tool_calls"):
        return called(message)
    if "read_line" in (text := str(message.get("content") or "")):
        raise FailedError(f"the call came as text, not parsed: {text.strip()[:80]!r}")
    message, _ = chat(served.target, served.name, asked, seconds=limit, tool_choice="required", **more)
    return f"{called(message)}; it called only because it had to"


def called(message: Mapping[str, Any]) -> str:
    """The call in a message, in words. Raises FailedError if it is none of ours."""
    try:
        function = message["tool_calls"][0]["function"]
        arguments = json.loads(function["arguments"])
        if function["name"] != "read_line" or not are_declared(arguments):
            raise ValueError(function["arguments"])
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise FailedError(
            f"the tool call is not as its schema says: {type(error).__name__} {str(error)[:80]}"
        ) from None
    return f"read_line({function['arguments']})"


def are_declared(arguments: object) -> bool:
    """Whether they are what the tool takes: all of its arguments, no others, each with one of its values."""
    if not isinstance(arguments, dict) or arguments.keys() != ARGUMENTS.keys():
        return False
    # True is a 1 to Python alone.
    return all(value in ARGUMENTS[name]["enum"] and value is not True for name, value in arguments.items())


def edits_300_lines(served: Served, seconds: float) -> str:
    """One edit of a 300-line file can be applied, literally, and changes nothing else."""
    given = "structured_outputs" in served.facts.extra_body
    form = "diff" if given or served.facts.edit_format == "diff" else "whole"
    more: dict[str, Any] = {"structured_outputs": {"regex": edit.GIVEN_FORM}} if given else dict(served.quiet)
    room = min(served.window // 2, 4000 if form == "whole" or served.thinks else 500)
    began = time.monotonic()
    message, end = chat(served.target, served.name, edit.messages(form), seconds=seconds, max_tokens=room, **more)
    took = time.monotonic() - began
    if end == "length":
        raise FailedError(f"the answer was not at its end after {room} tokens")
    try:
        edited = edit.applied(str(message.get("content") or ""), form)
    except edit.NotAppliedError as error:
        raise FailedError(str(error)) from None
    if edited.returned == edit.OLD:
        raise FailedError("applied, but it changes nothing")
    if given:
        return f"applied in {took:.1f} s; its form was given, so it proves the plumbing, not skill"
    if edited.returned != edit.NEW:
        raise FailedError(f"applied, but f{edit.CHANGED} returns {edited.returned!r}, not {edit.NEW}")
    return f"applied in {took:.1f} s, as {form}"


def percent(value: float) -> str:
    """A share of 1."""
    return f"{100 * value:.0f} %"


Check = Callable[[Served, float], str]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("model_answers", answers),
    ("prefix_cache_is_hit_on_the_second_turn", hits_its_prefix_cache),
    ("aider_requests_share_their_prompt", shares_aiders_prompt),
    ("tool_call_is_parsed", calls_a_tool),
    ("edit_of_300_lines_applies", edits_300_lines),  # last: it gets all the time that is left
)
