"""A fake vLLM that speaks the three protocols of its clients, and whose model makes one edit with the tool it is given.

Chat completions (aider, opencode, Cline, llm, pi), Responses (Codex) and Messages (Claude Code); streamed or at once.
The first turn that offers a tool with which a file can be written is answered by a call of it, the next by words.
"""

import asyncio
import json
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "the-key-of-the-box"
SERVED = "coder-x"
WINDOW = 65_536
Json = dict[str, Any]
# The tools by which clients write a file, the plain ones first. Their arguments are taken from their own schema.
WRITERS = ("Write", "write", "write_to_file", "write_file", "create_file", "editor")
SHELLS = ("exec_command", "shell", "shell_command", "Bash", "bash", "execute_command", "run_commands")


@dataclass(frozen=True)
class Tool:
    """A tool that a client offers. properties: of its arguments, name -> JSON schema."""

    name: str
    properties: Mapping[str, Json]


@dataclass
class FakeVllm:
    """vLLM, as far as clients see it. edit: path and content of the file that the model writes; text: what it says.

    asked: every request, with its body as text. key: the only one it takes; empty: it takes any. thinking_about:
    what holds this text is not answered; empty: everything is.
    """

    key: str = KEY
    served: tuple[str, ...] = (SERVED,)
    window: int = WINDOW
    text: str = "done"
    edit: tuple[str, str] = ("made.py", "x = 1\n")
    asked: list[Json] = field(default_factory=list)
    thinking_about: str = ""

    def app(self) -> web.Application:
        """The application; any path and method."""
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self.reply)
        return app

    async def reply(self, request: web.Request) -> web.StreamResponse:
        """One answer, with what was asked written down."""
        text = (await request.read()).decode(errors="replace")
        self.asked.append({"path": request.path, "headers": dict(request.headers), "body": text})
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return web.json_response({"error": {"message": "Unauthorized"}}, status=401)
        if request.path == "/v1/models":
            rows = [{"id": name, "object": "model", "max_model_len": self.window} for name in self.served]
            return web.json_response({"object": "list", "data": rows})
        body: Json = json.loads(text or "null") or {}
        answer = PROTOCOLS.get(request.path)
        if request.path == "/v1/messages/count_tokens":
            return web.json_response({"input_tokens": len(text) // 4})
        if answer is None or body.get("model") not in self.served:
            return web.json_response({"error": {"message": f"The model {body.get('model')!r} is not here"}}, status=404)
        while self.thinking_about and self.thinking_about in text:
            await asyncio.sleep(0.01)
        call = None if has_result(body) else call_of(body, *self.edit)
        whole, events = answer(body, call, self.text, {"prompt": len(text) // 4 + 1, "completion": 7})
        if not body.get("stream"):
            return web.json_response(whole)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in events:
            await response.write(event.encode())
        return response


def has_result(body: Json) -> bool:
    """Whether the conversation holds what a tool gave."""
    turns = body.get("messages") or body.get("input") or []
    if not isinstance(turns, list):
        return False
    parts = [part for turn in turns if isinstance(turn.get("content"), list) for part in turn["content"]]
    results = ("function_call_output", "custom_tool_call_output", "tool_result")
    return any(turn.get("role") == "tool" or turn.get("type") in results for turn in [*turns, *parts])


def tools_of(body: Json) -> list[Tool]:
    """The tools offered, of any protocol."""
    given = [tool.get("function", tool) for tool in body.get("tools") or []]
    schemas = [(tool, tool.get("parameters") or tool.get("input_schema") or {}) for tool in given]
    return [Tool(tool["name"], schema.get("properties", {})) for tool, schema in schemas if "name" in tool]


def call_of(body: Json, path: str, content: str) -> tuple[str, Json] | None:
    """Name and arguments of the call that writes the file; None if no such tool is offered."""
    offered = {tool.name: tool for tool in tools_of(body)}
    for name in (*WRITERS, *SHELLS):
        if name in offered:
            return name, arguments(offered[name], path, content)
    return None


def arguments(tool: Tool, path: str, content: str) -> Json:
    """What the tool is called with, by the names in its schema."""
    command = f"printf %s {shlex.quote(content)} > {shlex.quote(path)}"
    meant: Json = {}
    for name, schema in tool.properties.items():
        many = schema.get("type") == "array"
        if name in ("file_path", "filePath", "path", "absolutePath"):
            meant[name] = path
        elif name in ("content", "contents", "file_text", "new_text"):
            meant[name] = content
        elif name in ("command", "cmd", "commands") and tool.name != "editor":
            meant[name] = (["bash", "-c", command] if name == "command" else [command]) if many else command
        elif name == "command":
            meant[name] = "create"
        elif name == "description":
            meant[name] = "write the file"
    return meant


def sse(value: object, event: str = "") -> str:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {value if isinstance(value, str) else json.dumps(value)}\n\n"


Call = tuple[str, Json] | None
Answer = tuple[Json, Iterator[str]]


def chat(body: Json, call: Call, text: str, tokens: Json) -> Answer:
    """Chat completions."""
    usage = {"prompt_tokens": tokens["prompt"], "completion_tokens": tokens["completion"]}
    usage["total_tokens"] = sum(usage.values())
    message: Json = {"role": "assistant", "content": None if call else text}
    if call:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": function}]
    reason = "tool_calls" if call else "stop"
    head = {"id": "chatcmpl-1", "created": int(time.time()), "model": body["model"]}
    whole = {**head, "object": "chat.completion", "usage": usage}
    whole["choices"] = [{"index": 0, "message": message, "finish_reason": reason}]

    def events() -> Iterator[str]:
        delta = {**message, "tool_calls": [{"index": 0, **made} for made in message.get("tool_calls", [])]}
        delta = {name: value for name, value in delta.items() if value}
        for piece, end in ((delta, None), ({}, reason)):
            choices = [{"index": 0, "delta": piece, "finish_reason": end}]
            yield sse({**head, "object": "chat.completion.chunk", "choices": choices})
        if (body.get("stream_options") or {}).get("include_usage"):
            yield sse({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        yield sse("[DONE]")

    return whole, events()


def responses(body: Json, call: Call, text: str, tokens: Json) -> Answer:
    """Responses."""
    usage = {"input_tokens": tokens["prompt"], "output_tokens": tokens["completion"]}
    usage |= {"total_tokens": sum(usage.values())}
    usage |= {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    said = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
    item: Json = {**said, "content": [{"type": "output_text", "text": text, "annotations": []}]}
    if call:
        made = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed"}
        item = {**made, "name": call[0], "arguments": json.dumps(call[1])}
    head = {"id": "resp_1", "object": "response", "created_at": int(time.time()), "model": body["model"]}
    whole = {**head, "status": "completed", "output": [item], "usage": usage}

    def events() -> Iterator[str]:
        steps: list[Json] = [{"type": "response.created", "response": {**head, "status": "in_progress", "output": []}}]
        steps.append({"type": "response.output_item.added", "output_index": 0, "item": item})
        if not call:
            place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
            steps.append({"type": "response.output_text.delta", **place, "delta": text})
        steps.append({"type": "response.output_item.done", "output_index": 0, "item": item})
        steps.append({"type": "response.completed", "response": whole})
        for number, step in enumerate(steps):
            yield sse({**step, "sequence_number": number}, step["type"])

    return whole, events()


def messages(body: Json, call: Call, text: str, tokens: Json) -> Answer:
    """Messages, Anthropic's."""
    usage = {"input_tokens": tokens["prompt"], "output_tokens": tokens["completion"]}
    block: Json = {"type": "text", "text": text}
    if call:
        block = {"type": "tool_use", "id": "toolu_1", "name": call[0], "input": call[1]}
    reason = "tool_use" if call else "end_turn"
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": body["model"], "stop_sequence": None}
    whole = {**head, "content": [block], "stop_reason": reason, "usage": usage}

    def events() -> Iterator[str]:
        begun = {**head, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
        empty = {**block, "input": {}} if call else {"type": "text", "text": ""}
        piece = {"type": "text_delta", "text": text}
        if call:
            piece = {"type": "input_json_delta", "partial_json": json.dumps(call[1])}
        ending = {"stop_reason": reason, "stop_sequence": None}
        steps: list[Json] = [
            {"type": "message_start", "message": begun},
            {"type": "content_block_start", "index": 0, "content_block": empty},
            {"type": "content_block_delta", "index": 0, "delta": piece},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ending, "usage": {"output_tokens": tokens["completion"]}},
            {"type": "message_stop"},
        ]
        for step in steps:
            yield sse(step, step["type"])

    return whole, events()


PROTOCOLS = {"/v1/chat/completions": chat, "/v1/responses": responses, "/v1/messages": messages}


def main() -> None:
    """Serve it on 127.0.0.1:8000 for trying a client by hand, with any key."""
    web.run_app(FakeVllm(key="").app(), host="127.0.0.1", port=8000)


if __name__ == "__main__":
    main()
