"""Where in TOML a value goes: whole texts before and after."""

import pytest

from playbooks.own_edit import merged, taken_back
from playbooks.own_toml_scan import sections

OURS = {"m": "S", "env": {"A": 1, "deep": {"b": [True, "x"]}}}
DEEP = '\n[env.deep]\nb = [true, "x"]\n'
TABLES = '[env]\nA = 1\n\n[env.deep]\nb = [true, "x"]\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f'm = "S"\n\n{TABLES}'),
        ("a = 1", f'a = 1\nm = "S"\n\n{TABLES}'),
        ("[x]\ny=1\n", f'm = "S"\n\n[x]\ny=1\n\n{TABLES}'),
        ("#:schema u\n\n# of x\n[x]\n", f'#:schema u\n\nm = "S"\n\n# of x\n[x]\n\n{TABLES}'),
        (
            "m = 'x' # c\n[env]\nB = 2 # d\n# end\n",
            'm = "S" # c\n[env]\nB = 2 # d\nA = 1\n# end\n\n[env.deep]\nb = [true, "x"]\n',
        ),
        ("env = { B = 2 }\n", 'env = { B = 2, A = 1, deep = {b = [true, "x"]} }\nm = "S"\n'),
        ("env.B = 2\n", 'env.B = 2\nenv.A = 1\nm = "S"\n' + DEEP),
        ('"m" = """x\n[env]\n"""\r\n', '"m" = "S"\r\n\r\n' + TABLES.replace("\n", "\r\n")),
        ("[env.sub]\nq = 1979-05-27 07:32:00\n", f'm = "S"\n\n[env.sub]\nq = 1979-05-27 07:32:00\n\n{TABLES}'),
        ("[[x]]\na = 1\n[[x]]\na = 2\n", f'm = "S"\n\n[[x]]\na = 1\n[[x]]\na = 2\n\n{TABLES}'),
        (
            "  [env]\n  B = [ # c\n    1, # d\n  ]\n",
            'm = "S"\n\n  [env]\n  B = [ # c\n    1, # d\n  ]\n  A = 1\n\n[env.deep]\nb = [true, "x"]\n',
        ),
    ],
)
def test_where_ours_goes(before: str, after: str) -> None:
    assert merged(before, "toml", OURS)[0] == after


def test_it_goes_again_and_comments_of_the_users_stay() -> None:
    before = "# top\na = 1\n\n[x]  # c\ny = 1\n"
    text, changes = merged(before, "toml", OURS)
    changed = text.replace("y = 1", "y = 2").replace("A = 1\n", "# mine\nA = 1\nB = 2\n")
    assert taken_back(text, "toml", changes) == (before, [])
    assert taken_back(changed, "toml", changes) == (
        "# top\na = 1\n\n[x]  # c\ny = 2\n\n[env]\n# mine\nB = 2\n",
        [],
    )


@pytest.mark.parametrize("text", ["a = '''\n# [x]\n'''\n", 'a = """\\"""" # x\n[y]\n', "a.\"b.c\" . 'd' = {e.f=1}\n"])
def test_the_scan_takes_no_text_for_a_header_or_a_comment(text: str) -> None:
    found = sections(text)
    assert len(found[0].lines) == 1
    assert [one.path for one in found[1:]] == ([("y",)] if "[y]" in text else [])
    assert text[found[0].lines[0].node.end :].split("\n")[0] in ("", " # x")
