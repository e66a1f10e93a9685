"""Imports point one way: fabfile -> playbooks -> stacks, templates; __main__ -> stacks -> templates."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("playbooks", "stacks", "templates", "scripts")
MAY_IMPORT = {
    "fabfile.py": {"playbooks"},
    "__main__.py": {"stacks"},
    "playbooks": {"playbooks", "stacks", "templates"},
    "stacks": {"stacks", "templates"},
    "templates": {"templates"},
    "scripts": {"scripts", "stacks", "templates"},
}
SOURCES = [*ROOT.glob("*.py"), *(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))]


def imports(source: Path) -> set[str]:
    """Every module named by an import statement in `source`, also inside functions."""
    found = set()
    for statement in ast.walk(ast.parse(source.read_text())):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            found |= {statement.module, *(f"{statement.module}.{alias.name}" for alias in statement.names)}
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(source: Path) -> None:
    own = source.relative_to(ROOT).parts[0]
    wanted = {name.split(".")[0] for name in imports(source)} & set(OURS)
    assert wanted <= MAY_IMPORT[own]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_component_imports_pulumi_linode(source: Path) -> None:
    assert "pulumi_linode" not in imports(source) or source == ROOT / "stacks/workstation.py"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_the_product_imports_the_local_cloud(source: Path) -> None:
    inside = source.is_relative_to(ROOT / "scripts")
    assert inside or not any(name.startswith("scripts.cloud") for name in imports(source))


def test_listing_the_commands_loads_no_pulumi_and_no_web_library() -> None:
    """`fab -l` must answer in 0.3 s; each of these costs more than a third of that."""
    heavy = ("pulumi", "pulumi_linode", "aiohttp", "linode_api4", "rich", "requests", "huggingface_hub", "questionary")
    probe = f"import sys, fabfile; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
