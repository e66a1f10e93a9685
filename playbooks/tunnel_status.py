"""How the tunnels of this laptop are, as rows for programs and lines for people."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from playbooks.endpoint import Endpoint
from playbooks.tunnel_files import WORD_FILE, known_tunnels, living_pid, read_orders, tunnel_dir
from playbooks.witness import witness_in


def status_line(row: Mapping[str, Any]) -> str:
    """One tunnel in one line for people."""
    state = "up" if row["alive"] else ("down" if row["pid"] else "closed")
    since = f" since {row['since']}" if row["since"] else ""
    word = f": {row['word']}" if row["word"] and not row["alive"] else ""
    return f"{row['stack']}: {state}{since}, 127.0.0.1:{row['port']} -> box {row['instance_id']}{word}"


def tunnel_row(stack: str) -> dict[str, Any]:
    """One tunnel as `fab tunnel.status --json` and `fab status` show it. alive: a request would reach the box now."""
    folder, orders = tunnel_dir(stack), read_orders(stack)
    pid = living_pid(folder)
    found = Endpoint(orders.port, witness=witness_in(orders)).status() if orders and pid else None
    return {
        "stack": stack,
        "port": orders.port if orders else None,
        "alive": bool(found and found.up),
        "pid": pid,
        "since": found.since if found else None,
        "word": found.word if found else last_word(folder),
        "lease": orders.lease if orders else None,
        "instance_id": orders.instance_id if orders else None,
    }


def open_tunnels() -> list[str]:
    """The stacks whose gateway lives."""
    return [stack for stack in known_tunnels() if living_pid(tunnel_dir(stack))]


def last_word(folder: Path) -> str:
    """Why the last gateway ended by itself; empty if it was closed."""
    word = folder / WORD_FILE
    return word.read_text().strip() if word.is_file() else ""
