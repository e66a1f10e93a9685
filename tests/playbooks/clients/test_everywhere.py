"""Variables that lead every client elsewhere are named, and reach none."""

from pathlib import Path

import pytest

from playbooks.clients.client import Place
from playbooks.clients.everywhere import for_all
from playbooks.clients.surroundings import DEAD_PROXY, surroundings

PORT = 18_001


def names(folder: Path, environment: dict[str, str]) -> list[str]:
    return [name for one in for_all(Place(environment, folder, folder / "home", PORT)) for name in one.names]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http_proxy", "http://p:1"),
        ("LD_PRELOAD", "/usr/lib/libproxychains.so.4"),
        ("LD_AUDIT", "x.so"),
        ("DYLD_INSERT_LIBRARIES", "x.dylib"),
        ("NODE_OPTIONS", "--max-old-space-size=4096 --require ./hook.js"),
        ("NODE_OPTIONS", "-r ./hook.js"),
        ("NODE_OPTIONS", "--import=./hook.mjs"),
        ("NODE_OPTIONS", "--env-file=.env"),
        ("BUN_OPTIONS", "--preload ./hook.ts"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://collector.example.com"),
        ("PYTHONPATH", "/usr/share/x:."),
        ("PYTHONPATH", "src"),
        ("PYTHONPATH", "/usr/share/x:"),  # an empty entry is the folder one stands in
    ],
)
def test_what_carries_prompts_away_or_code_in_is_named_and_not_inherited(tmp_path: Path, name: str, value: str) -> None:
    assert names(tmp_path, {name: value}) == [name]
    assert surroundings({name: value}).get(name) in (None, DEAD_PROXY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NODE_OPTIONS", "--max-old-space-size=4096"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{PORT}"),
        ("OTEL_SERVICE_NAME", "x"),
        ("PYTHONPATH", "/usr/share/x"),
        ("PYTHONPATH", ""),
        ("PYTHONSTARTUP", "/home/me/.pythonrc"),
        ("SSL_CERT_FILE", "/etc/ssl/other.pem"),
    ],
)
def test_what_cannot_is_not(tmp_path: Path, name: str, value: str) -> None:
    assert names(tmp_path, {name: value}) == []


def test_a_link_into_the_repository_leads_there_too(tmp_path: Path) -> None:
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "repo/lib").mkdir()
    (tmp_path / "outside").symlink_to(tmp_path / "repo/lib")
    assert names(tmp_path / "repo", {"PYTHONPATH": str(tmp_path / "outside")}) == ["PYTHONPATH"]
    assert names(tmp_path / "repo", {"PYTHONPATH": str(tmp_path)}) == []


@pytest.mark.parametrize("path", ["node_modules/.bin:/usr/bin", "/usr/bin:.", "/usr/bin:", "~/bin:/bin", ""])
def test_a_path_by_which_a_repository_brings_programs_is_named_and_not_inherited(tmp_path: Path, path: str) -> None:
    """Whatever lies there now. An empty entry, and an empty PATH, is the folder one stands in."""
    assert names(tmp_path, {"PATH": path}) == ["PATH"]
    assert all(entry.startswith("/") for entry in surroundings({"PATH": path})["PATH"].split(":"))


def test_a_whole_path_is_not_named_even_into_the_repository(tmp_path: Path) -> None:
    """It is a virtual environment's, which the user made."""
    assert names(tmp_path, {"PATH": f"{tmp_path}/.venv/bin:/usr/bin"}) == names(tmp_path, {}) == []
