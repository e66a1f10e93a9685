"""Open WebUI in this laptop's browser: a chat page for the model, beside vLLM on the box."""

import os
import sys
import time
import webbrowser
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress

from invoke.context import Context

from playbooks.boxes import STACK_HELP, find_box
from playbooks.command import command, print_json
from playbooks.endpoint import LOOPBACK, Endpoint
from playbooks.progress import say
from playbooks.report import last_line
from playbooks.tunnel import open_for
from stacks.box import Box, box_target
from stacks.errors import BoxError, NotReadyError, UsageError
from stacks.ssh import Target, run
from stacks.webui import EMAIL, PASSWORD_FILE, webui_port

WAIT_SECONDS = 900.0  # its image has some GB, and is fetched after the model's
LOOK_SECONDS, TELL_SECONDS = 1.0, 10.0
LOG_HINT = "fab ssh -- journalctl -u daybox-webui, and fab ssh -- docker logs open-webui, tell more"
HELP = STACK_HELP | {
    "password": "print the password of the first login, which the box made, and nothing else",
    "json": "print JSON for programs; open no browser",
}


@command(help=HELP)
def webui(_c: Context, stack: str | None = None, password: bool = False, json: bool = False) -> None:
    """Open the box's chat page, Open WebUI, in the browser.

    Example: fab webui, and for the first login fab webui --password
    """
    box = find_box(stack)
    check_has_webui(box)
    target = box_target(box)
    if password:
        print(first_password(target))
        return
    with redirect_stdout(sys.stderr):  # a box that is made ready first shows its stages
        print(open_for(box))
    wait_until_it_answers(box, target)
    if json:
        print_json({"stack": box.stack, "url": url(box), "email": EMAIL})
        return
    print(f"webui: {url(box)}; log in as {EMAIL}, with what `fab webui --password` prints")
    if has_browser(sys.platform, os.environ, on_terminal=sys.stdout.isatty()):
        webbrowser.open(url(box))


def url(box: Box) -> str:
    """Where the browser finds it."""
    return f"http://{LOOPBACK}:{webui_port(box.port)}"


def check_has_webui(box: Box) -> None:
    """Raises UsageError, with the lines to type, if the stack did not ask for it."""
    if not box.webui:
        raise UsageError(
            f"stacks/{box.stack}/webui: was not true at the last `pulumi up`, so the box has no Open WebUI",
            hint=f"pulumi config set -s {box.stack} daybox:webui true, pulumi up -s {box.stack}, then fab bootstrap",
        )


def has_browser(platform: str, variables: Mapping[str, str], *, on_terminal: bool) -> bool:
    """Whether there is a desktop to show it on, and somebody who looks."""
    return on_terminal and (
        platform == "darwin" or any(variables.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    )


def first_password(target: Target) -> str:
    """The password that the box made for the first login. Raises BoxError if it has made none yet."""
    done = run(target, f"cat {PASSWORD_FILE}")
    if done.returncode or not done.stdout.strip():
        raise BoxError(f"box/webui: {target.alias} has made no password yet", hint="make it ready: fab bootstrap")
    return done.stdout.strip()


def standing() -> str:
    """Shell command for the box: how unit and container are, one word each, and what the unit said last."""
    return (
        'unit=$(systemctl is-active daybox-webui.service); echo "${unit:-unknown}"; '
        "docker inspect --format '{{.State.Status}}' open-webui 2>/dev/null || echo missing; "
        "journalctl --unit=daybox-webui --lines=1 --output=cat --no-pager 2>/dev/null"
    )


def wait_until_it_answers(box: Box, target: Target) -> None:
    """Wait for Open WebUI behind the tunnel, and say what for.

    Raises BoxError if the box does not start it, NotReadyError if it takes too long.
    """
    deadline, told = time.monotonic() + WAIT_SECONDS, -TELL_SECONDS
    while not answers(webui_port(box.port)):
        if time.monotonic() > deadline:
            raise NotReadyError(f"box/webui: no answer within {WAIT_SECONDS / 60:.0f} minutes", hint=LOG_HINT)
        if time.monotonic() - told > TELL_SECONDS:
            say(f"webui: {progress(target)}")
            told = time.monotonic()
        time.sleep(LOOK_SECONDS)


def answers(port: int) -> bool:
    """Whether Open WebUI itself says that it is well."""
    with suppress(OSError):
        return Endpoint(port).ask("/health")[0] == 200
    return False


def progress(target: Target) -> str:
    """What it is waited for. Raises BoxError if nothing on the box is about to start it."""
    done = run(target, standing())
    unit, container, *_ = [*done.stdout.split("\n"), "", ""]
    if unit != "activating" and container == "missing":
        raise BoxError("box/webui: nothing on the box starts it", hint="bring it: fab bootstrap")
    if container == "running":
        return "its container starts"
    return f"its container is {container}: {last_line(done)}"
