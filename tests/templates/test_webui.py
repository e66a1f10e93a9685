"""Open WebUI: its compose file, its program, its unit; and that nothing of vLLM's differs because of it."""

import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.bundle import USER_DATA_LIMIT, Bundle, as_base64, bundle_for, user_data
from stacks.catalog import WEBUI_IMAGE
from stacks.webui import EMAIL, environment, webui_port
from tests.golden_text import golden
from tests.shipped import STACKS, settings_of
from tests.templates.conftest import OnBox
from tests.templates.test_units import needs_systemd

COMPOSE = "/opt/daybox/webui.yaml"
UNIT = "/etc/systemd/system/daybox-webui.service"
OWN = {COMPOSE, UNIT, "/opt/daybox/bin/webui"}
DIFFERENT = {"/opt/daybox/seal.nft", "/etc/systemd/system/daybox.target"}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return bundle_for(settings_of("local", tmp_path, webui="true", port="18042"))


def content(bundle: Bundle, path: str) -> str:
    return next(file.content for file in bundle.files if file.path == path)


@pytest.fixture
def service(bundle: Bundle) -> dict[str, Any]:
    return dict(yaml.safe_load(content(bundle, COMPOSE))["services"]["open-webui"])


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_that_vllm_reads_differs_because_of_it(stack: str, tmp_path: Path) -> None:
    """So a box gets it, and loses it, while vLLM goes on."""
    without, with_it = (
        {file.path: file for file in bundle_for(settings_of(stack, tmp_path, webui=text)).contents}
        for text in ("false", "true")
    )
    assert set(with_it) - set(without) == OWN
    assert {path for path in without if without[path] != with_it[path]} == DIFFERENT


@pytest.mark.parametrize("stack", STACKS)
def test_user_data_has_room_for_it(stack: str, tmp_path: Path) -> None:
    key = tmp_path / "first"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "daybox", "-f", key], check=True)
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    found = bundle_for(settings_of(stack, tmp_path, webui="true"))
    data = as_base64(user_data(found, key.read_text(), public))
    print(f"{stack} with Open WebUI: {len(data)} bytes in base64, {USER_DATA_LIMIT - len(data)} below the API's limit")
    assert len(data) <= USER_DATA_LIMIT - 2048


def test_nobody_but_the_box_itself_reaches_it(service: dict[str, Any]) -> None:
    assert service["ports"] == ["127.0.0.1:3000:8080"]


def test_its_image_is_pinned_by_tag(service: dict[str, Any]) -> None:
    assert service["image"] == WEBUI_IMAGE
    assert re.fullmatch(r"ghcr\.io/open-webui/open-webui:v\d+\.\d+\.\d+", WEBUI_IMAGE)


def test_secrets_come_from_files_and_stand_nowhere_else(bundle: Bundle, service: dict[str, Any]) -> None:
    secrets = {
        "WEBUI_SECRET_KEY": "webui-secret",
        "WEBUI_ADMIN_PASSWORD": "webui-password",
        "OPENAI_API_KEY": "vllm-key",
    }
    script = service["entrypoint"][2]
    assert all(f"{name}=$$(cat $$s/{file})" in script for name, file in secrets.items())
    assert all(f"/etc/daybox/{file}:/run/secrets/{file}:ro" in service["volumes"] for file in secrets.values())
    assert not set(secrets) & set(service["environment"])
    assert service["command"] == ["bash", "start.sh"]


def test_it_asks_for_a_login_and_takes_nobody_new(service: dict[str, Any]) -> None:
    """Without an account the first who comes would be admin, sign-up or not: so there is one from the start."""
    wanted = {"WEBUI_AUTH": "true", "ENABLE_SIGNUP": "false", "WEBUI_ADMIN_EMAIL": EMAIL}
    assert wanted.items() <= service["environment"].items()


def test_it_knows_one_model_server_and_keeps_no_older_one(service: dict[str, Any]) -> None:
    wanted = {
        "OPENAI_API_BASE_URL": "http://vllm:8000/v1",
        "ENABLE_OLLAMA_API": "false",
        "ENABLE_PERSISTENT_CONFIG": "false",
    }
    assert wanted.items() <= service["environment"].items()


@pytest.mark.parametrize(
    "name",
    [
        *("ENABLE_COMMUNITY_SHARING", "ENABLE_WEB_SEARCH", "ENABLE_IMAGE_GENERATION", "ENABLE_CODE_INTERPRETER"),
        *("ENABLE_TITLE_GENERATION", "ENABLE_TAGS_GENERATION", "ENABLE_FOLLOW_UP_GENERATION", "ENABLE_AUTOMATIONS"),
        *("ENABLE_AUTOCOMPLETE_GENERATION", "ENABLE_VERSION_UPDATE_CHECK", "ENABLE_DIRECT_CONNECTIONS"),
    ],
)
def test_it_does_nothing_that_nobody_asked_for(service: dict[str, Any], name: str) -> None:
    assert service["environment"][name] == "false"
    assert service["environment"]["OFFLINE_MODE"] == "true"


def test_values_of_the_environment_are_text(service: dict[str, Any]) -> None:
    assert all(isinstance(value, str) for value in service["environment"].values())


def test_the_browser_is_told_to_ask_no_other_host() -> None:
    """A picture's address, in what a model wrote, may hold what was said to it."""
    policy = environment(19_042)["CONTENT_SECURITY_POLICY"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'self'"
    assert directives["img-src"] == "'self' data: blob:"
    hosts = {word for words in directives.values() for word in words.split() if "/" in word}
    assert hosts == {"ws://127.0.0.1:19042", "ws://localhost:19042"}


def test_no_other_page_may_read_its_answers(service: dict[str, Any]) -> None:
    assert service["environment"]["CORS_ALLOW_ORIGIN"] == "http://127.0.0.1:19042;http://localhost:19042"


@pytest.mark.parametrize(("port", "second"), [(18_000, 19_000), (18_999, 19_999), (64_535, 65_535), (65_000, 64_000)])
def test_its_port_on_the_laptop_follows_the_gateways(port: int, second: int) -> None:
    assert webui_port(port) == second


def test_the_container_has_no_rights_to_spare_and_asks_nobody_for_names(service: dict[str, Any]) -> None:
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert (service["dns"], service["networks"]) == (["192.0.2.1"], ["daybox"])
    assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


@pytest.mark.parametrize("path", [COMPOSE, UNIT])
def test_its_files_are_what_was_reviewed(bundle: Bundle, path: str) -> None:
    assert content(bundle, path) == golden(Path(path).name, content(bundle, path))


@needs_systemd
@pytest.mark.parametrize("verb", ["verify", "security"])
def test_systemd_finds_no_fault_in_its_unit_and_few_rights(bundle: Bundle, tmp_path: Path, verb: str) -> None:
    unit, program = tmp_path / "root" / UNIT[1:], tmp_path / "root/opt/daybox/bin/webui"
    for path, text, mode in ((unit, content(bundle, UNIT), 0o644), (program, "#!/bin/sh", 0o755)):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        path.chmod(mode)
    words = {
        "verify": ["verify", "--man=no", "--recursive-errors=no"],
        "security": ["security", "--offline=true", "--threshold=20"],
    }
    command = ["systemd-analyze", *words[verb], f"--root={tmp_path / 'root'}", "daybox-webui.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "daybox-webui" in line]
    assert (done.returncode if verb == "security" else 0, ours) == (0, []), done.stdout[-300:] + done.stderr


def box(onbox: OnBox, sealed: bool = True, key: str = "k") -> OnBox:
    onbox.command("docker", "exit 0")
    onbox.command("systemctl", "exit 0" if sealed else "exit 3")
    onbox.write("etc/daybox/vllm-key", key)
    return onbox


def test_the_container_is_started_as_a_project_of_its_own(onbox: OnBox) -> None:
    """`--remove-orphans` of vLLM's would take it away otherwise."""
    assert box(onbox).run("webui").returncode == 0
    compose = f"{onbox.root}/opt/daybox/webui.yaml"
    assert onbox.calls()[-1] == f"docker compose --project-name daybox-webui --file {compose} up --detach --quiet-pull"
    assert (onbox.root / "var/lib/daybox/webui").is_dir()


@pytest.mark.parametrize("name", ["secret", "password"])
def test_the_box_makes_its_secrets_once_and_shows_them_to_root_only(onbox: OnBox, name: str) -> None:
    file = onbox.root / f"etc/daybox/webui-{name}"
    box(onbox).run("webui")
    first = file.read_text()
    assert re.fullmatch("[0-9a-f]{48}", first)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    onbox.run("webui")
    assert file.read_text() == first
    assert first not in "".join(onbox.calls())


def test_an_unsealed_box_runs_no_container(onbox: OnBox) -> None:
    done = box(onbox, sealed=False).run("webui")
    assert (done.returncode, done.stdout) == (1, "not sealed: daybox-seal.service\n")
    assert not [call for call in onbox.calls() if call.startswith("docker")]


def test_without_vllms_key_it_waits_for_the_next_try(onbox: OnBox) -> None:
    """Docker would make a folder of a file that is not there."""
    done = box(onbox, key="").run("webui")
    assert (done.returncode, done.stdout) == (1, "vLLM has no key yet\n")
