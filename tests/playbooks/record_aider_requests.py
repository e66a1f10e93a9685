"""Records what aider asks of a model in a row, by aider's own code; run by the Python that aider is installed in.

Prints playbooks/aider_requests.json: one turn whose first edit does not apply, aider's second request about it, and the
next turn. Nothing is sent anywhere: the answers are given here.
"""

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Request = list[dict[str, str]]
KINDS = (("diff", "user"), ("whole", "user"), ("whole", "sys"))
LINES = 300  # of the file that is worked on: three a function
ASKED = "Let f42 return 43.", "Let f42 return 44."
NOTE = "Keep to the style of what is there.\n"
OTHERS = {
    "notes.md": NOTE * 40,
    "shapes.py": "class Square:\n    def area(self, side):\n        return side * side\n",
    "store.py": "class Store:\n    def put(self, key, value):\n        self.kept[key] = value\n",
}
START = "git init -q; git config user.name u; git config user.email u@localhost; git add .; git commit -qm start"
FIXED = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
NOBODY = {f"GIT_{who}_{what}": "u@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


# aider tells the model of the laptop and the day: always of these, or the record would be another tomorrow.
LAPTOP = "Linux-6.12.0-x86_64-with-glibc2.41"


class FixedDay(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> "FixedDay":
        """The day that is always told."""
        return cls(2026, 11, 26)


def functions(returned: int) -> str:
    """A file of LINES lines: f0, f1 …, each returning its number, but for f42."""
    body = (f"def f{n}():\n    return {returned if n == 42 else n}\n\n" for n in range(LINES // 3))
    return "".join(body)


def answer(form: str, before: int, after: int) -> str:
    """What a model says that changes f42."""
    if form == "whole":
        return f"functions.py\n```\n{functions(after)}```\n"
    old, new = (f"def f42():\n    return {number}\n" for number in (before, after))
    return f"functions.py\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


def recorded(form: str, reminder: str) -> list[Request]:
    """The messages of three requests in a row."""
    from aider.coders import Coder, base_coder  # type: ignore[import-not-found]
    from aider.io import InputOutput  # type: ignore[import-not-found]
    from aider.models import Model, ModelInfoManager  # type: ignore[import-not-found]

    base_coder.datetime = FixedDay
    platform.platform = lambda *_: LAPTOP
    ModelInfoManager._update_cache = lambda _self: None  # else it fetches a list of prices
    wrong = f"```\n{functions(43)}```\n" if form == "whole" else answer(form, 7, 43)  # of no file; of what is not there
    answers, asked = [wrong, answer(form, 42, 43), answer(form, 43, 44)], list[Request]()

    class Recorded(Model):  # type: ignore[misc]
        """A model that answers from the list."""

        def send_completion(self, messages: Request, *_: Any, **__: Any) -> tuple[Any, Any]:
            asked.append([{"role": one["role"], "content": one["content"]} for one in messages])
            message = SimpleNamespace(content=answers[len(asked) - 1], reasoning_content=None, tool_calls=None)
            return hashlib.sha256(), SimpleNamespace(
                choices=[SimpleNamespace(message=message, finish_reason="stop")], usage=None
            )

        def commit_message_models(self) -> list[Any]:
            said = SimpleNamespace(simple_send_with_retries=lambda _m: "feat: change f42", token_count=lambda _m: 1)
            return [SimpleNamespace(system_prompt_prefix="", info={}, name="weak", **vars(said))]

    model = Recorded("openai/daybox-recorded")
    model.edit_format, model.reminder, model.use_repo_map, model.streaming = form, reminder, reminder == "user", False
    model.max_chat_history_tokens = 16_000  # else what was said before is summarized, which the model is asked for
    model.info = {"max_input_tokens": 28_000, "max_output_tokens": 4_096}
    coder = Coder.create(
        main_model=model,
        edit_format=form,
        io=InputOutput(yes=True, pretty=False, fancy_input=False),
        fnames=["functions.py", "shapes.py"],
        read_only_fnames=["notes.md"],
        map_tokens=1024 if reminder == "user" else 0,
        stream=False,
        suggest_shell_commands=False,
        auto_lint=False,
        detect_urls=False,
    )
    coder.abs_fnames = dict.fromkeys(sorted(coder.abs_fnames))  # a set's order hangs on the folder's name
    for words in ASKED:
        coder.run(with_message=words, preproc=False)
    assert len(asked) == 3, len(asked)
    return asked


def all_recorded(folder: str) -> dict[str, list[Request]]:
    """Every kind, each in a repository of its own."""
    sessions = dict[str, list[Request]]()
    for form, reminder in KINDS:
        place = Path(folder, "project")
        place.mkdir()
        (place / "functions.py").write_text(functions(42))
        for name, text in OTHERS.items():
            (place / name).write_text(text)
        os.chdir(place)
        subprocess.run(START, shell=True, check=True)
        sessions[f"{form}/{reminder}"] = recorded(form, reminder)
        place.rename(Path(folder, f"{form}-{reminder}"))
    return sessions


def compact(sessions: dict[str, list[Request]]) -> dict[str, Any]:
    """Each message once, and the requests as their numbers."""
    messages, requests = Request(), dict[str, list[list[int]]]()
    for kind, asked in sessions.items():
        requests[kind] = []
        for one in asked:
            messages += [message for message in one if message not in messages]
            requests[kind].append([messages.index(message) for message in one])
    return {"source": "aider 0.86.2 (Apache-2.0)", "messages": messages, "requests": requests}


def main() -> None:
    """Record, with nothing of this user's own taking part."""
    real, sys.stdout = sys.stdout, sys.stderr
    with tempfile.TemporaryDirectory() as folder:
        home = {"HOME": folder, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LANG": "C.UTF-8", "SHELL": "/bin/sh"}
        os.environ.update(FIXED | NOBODY | home)
        print(json.dumps(compact(all_recorded(folder)), indent=1), file=real)
        os.chdir("/")


if __name__ == "__main__":
    main()
