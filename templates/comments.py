"""Files without their comments: user-data is small, and the reasons are found in the repository.

Only comments, docstrings and empty lines go, so that what is left does what it did.
"""

import ast
import io
import tokenize


def without_comments(text: str, *, python: bool = False) -> str:
    """`text` with nothing that only explains; what is not Python has its comments on lines of their own."""
    first = text.partition("\n")[0]
    lines = python_lines(text) if python else text.splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join([first, *kept] if first.startswith("#!") else kept) + "\n"


def python_lines(text: str) -> list[str]:
    """The lines of a Python program, with docstrings emptied and comments cut off."""
    lines = text.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            line, column = token.start
            lines[line - 1] = lines[line - 1][:column].rstrip()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) and node.body[1:]:
            docstring = node.body[0]
            for number in range(docstring.lineno, (docstring.end_lineno or 0) + 1):
                lines[number - 1] = ""
    return lines
