"""The versions that set-up brings, each with where it came from. Python libraries are pinned in requirements*.txt."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
VENV = REPOSITORY / ".venv"

# aider's newest release (PyPI, 2026-02-12). It pins litellm and a hundred others, hence an environment of its own.
AIDER = "0.86.2"
AIDER_PYTHON = ">=3.10,<3.13"  # aider-chat's own Requires-Python

# Everything in this repository was measured with engine 3.259; a newer one keeps the protocol, an older one may not.
PULUMI_FLOOR = (3, 259, 0)
# The newest CLI in the Go module proxy's reach when this was written: github.com/pulumi/pulumi, tag pkg/v3.259.0.
PULUMI_BUILT = "3.259.0"
# Its language host for Python comes from the last sdk module that has it as a main package (pulumi/language/go.mod),
# and two scripts beside it from the module of the Python SDK in requirements.txt, whose zip has this checksum.
PULUMI_HELPERS = "github.com/pulumi/pulumi/sdk/v3@v3.272.0"
PULUMI_HELPERS_SUM = "h1:MoJElH3Y/VwV1tfTVNCh2BJuc3HxB7OPmvvYzaDe89c="
