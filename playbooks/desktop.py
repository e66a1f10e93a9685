"""A notice on the desktop. It may come from a box, so it is passed as an argument, never as code. Never fails."""

import asyncio
import html
import os
import shutil
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stacks.ssh import environment

TITLE = "daybox"
NOTICE_SECONDS = 5.0  # a desktop that does not take it by then gets none
# A Linux desktop takes notices over the session bus and nothing else: of all that a session has, these two find it.
SESSION_VARIABLES = ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
OSASCRIPT = ("on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run")


def session() -> dict[str, str]:
    """What a notice needs of our own environment, beyond what ssh gets."""
    return {name: os.environ[name] for name in SESSION_VARIABLES if name in os.environ}


def has_session_bus(variables: Mapping[str, str]) -> bool:
    """Whether there is a desktop's bus to speak to, as far as can be seen from here."""
    folder = variables.get("XDG_RUNTIME_DIR")
    return bool(variables.get("DBUS_SESSION_BUS_ADDRESS") or (folder and Path(folder, "bus").exists()))


def notice_words(text: str, platform: str, variables: Mapping[str, str]) -> list[str]:
    """Arguments that show `text`; none where there is no desktop.

    Linux's notices know some markup, so its signs are escaped; they stay until somebody has seen them.
    """
    if platform == "darwin":
        script = [word for line in OSASCRIPT for word in ("-e", line)]
        return ["osascript", *script, TITLE, text]  # behind the first word that is no option, none is one
    if not platform.startswith("linux") or not has_session_bus(variables):
        return []
    body = html.escape(text, quote=False)
    return ["notify-send", "--urgency=critical", f"--app-name={TITLE}", "--", TITLE, body]


async def show(text: str) -> None:
    """Show a notice if there is a desktop and a program for it."""
    words = notice_words(text, sys.platform, session())
    if not words or not shutil.which(words[0]):
        return
    with suppress(OSError):
        process = await asyncio.create_subprocess_exec(
            *words, env=environment() | session(), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            await asyncio.wait_for(process.wait(), NOTICE_SECONDS)
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()
