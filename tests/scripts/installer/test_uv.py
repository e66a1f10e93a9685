from pathlib import Path

import pytest

from scripts.installer.pins import REPOSITORY
from scripts.installer.uv import entry, from_pip, pip_files, settings

LIST = """\
# a header
fabric==3.2.3 \\
    --hash=sha256:aa
    # via -r requirements.in
uv==0.13.8 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
    # via -r requirements.in
uvicorn==0.54.0 \\
    --hash=sha256:dd
"""


def test_one_library_is_cut_out_of_a_list_with_all_its_hashes() -> None:
    assert entry(LIST, "uv") == "uv==0.13.8 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"


def test_the_last_library_of_a_list_can_be_cut_out() -> None:
    assert entry(LIST, "uvicorn") == "uvicorn==0.54.0 \\\n    --hash=sha256:dd\n"


def test_the_committed_list_pins_uv_itself() -> None:
    assert entry((REPOSITORY / "requirements.txt").read_text(), "uv").count("--hash=sha256:") > 1


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ("[global]\nindex-url = https://mirror.example/simple", {"UV_DEFAULT_INDEX": "https://mirror.example/simple"}),
        ("[install]\nextra-index-url =\n  https://two.example\n  https://three.example",
         {"UV_INDEX": "https://two.example https://three.example"}),
        ("[global]\ncert = /etc/ssl/ours.pem", {"SSL_CERT_FILE": "/etc/ssl/ours.pem"}),
        ("[global]\ntimeout = 60", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_what_pip_s_file_says_uv_is_told(tmp_path: Path, pip: str, uv: dict[str, str]) -> None:
    (tmp_path / "pip.conf").write_text(pip)
    assert from_pip({}, [tmp_path / "pip.conf"]) == uv


def test_pip_s_variables_count_more_than_its_files(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://file.example")
    said = from_pip({"PIP_INDEX_URL": "https://variable.example"}, [tmp_path / "pip.conf"])
    assert said == {"UV_DEFAULT_INDEX": "https://variable.example"}


def test_what_uv_was_told_itself_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_CERT", "/pip.pem")
    monkeypatch.setenv("SSL_CERT_FILE", "/uv.pem")
    assert "SSL_CERT_FILE" not in settings()


def test_the_file_that_a_user_names_is_read_last(tmp_path: Path) -> None:
    files = pip_files({"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/named.conf"})
    assert tmp_path / ".config/pip/pip.conf" in files
    assert files[-1] == Path("/named.conf")
