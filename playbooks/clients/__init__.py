"""The clients of the gateway, one row each, in the order in which `fab launch --help` lists them."""

from playbooks.clients.aider import AIDER
from playbooks.clients.claude import CLAUDE
from playbooks.clients.client import Client, Refused, Shown
from playbooks.clients.cline import CLINE
from playbooks.clients.codex import CODEX
from playbooks.clients.llm import LLM
from playbooks.clients.opencode import OPENCODE
from playbooks.clients.pi import PI
from playbooks.clients.shown import REFUSED_CLIENTS, SHOWN_CLIENTS

CLIENTS: tuple[Client, ...] = (AIDER, CLAUDE, CODEX, OPENCODE, CLINE, LLM, PI)
SHOWN: tuple[Shown, ...] = SHOWN_CLIENTS
REFUSED: tuple[Refused, ...] = REFUSED_CLIENTS
ROWS: tuple[Client | Shown | Refused, ...] = (*CLIENTS, *SHOWN, *REFUSED)
