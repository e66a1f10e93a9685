import pytest

from scripts.installer.pins import REPOSITORY
from scripts.installer.uv import entry, translated

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
        ("global.index-url='https://mirror.example/simple'", {"UV_DEFAULT_INDEX": "https://mirror.example/simple"}),
        (":env:.extra-index-url='https://two.example/'", {"UV_INDEX": "https://two.example/"}),
        ("global.cert='/etc/ssl/ours.pem'", {"SSL_CERT_FILE": "/etc/ssl/ours.pem"}),
        ("global.timeout='60'", {}),
        ("", {}),
    ],
)
def test_what_pip_was_told_uv_is_told(pip: str, uv: dict[str, str]) -> None:
    assert translated(pip, {}) == uv


def test_what_uv_was_told_itself_stays() -> None:
    assert translated("global.cert='/etc/ssl/ours.pem'", {"SSL_CERT_FILE": "/other"}) == {}
