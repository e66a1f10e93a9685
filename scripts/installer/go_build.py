"""Pulumi's CLI and its language host for Python, built from the Go module proxy: where nothing else can be had.

Each is a wrapper module in pulumi/: `go install …@version` refuses modules with replace directives, so the CLI's one
that matters is repeated there. go.sum pins every module.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts.installer.failure import SetupError
from scripts.installer.go import Go, find_go
from scripts.installer.lane import Lane
from scripts.installer.pins import PULUMI_BUILT, PULUMI_HELPERS, PULUMI_HELPERS_SUM
from scripts.installer.stamps import digest

WRAPPERS = Path(__file__).parent / "pulumi"


@dataclass(frozen=True)
class Program:
    """One program: the wrapper module it is built in, and its main package."""

    name: str
    wrapper: str
    package: str


PROGRAMS = (
    Program("pulumi", "engine", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"),
    Program("pulumi-language-python", "language", "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"),
)
# Linked in, but never run by daybox, whose state is a folder: 140 of the 400 s that two cores compute (measured).
IDLE = (
    "github.com/pb33f/libopenapi",
    "github.com/aws",
    "github.com/Azure",
    "github.com/envoyproxy",
    "github.com/alecthomas/chroma",
    "cloud.google.com/go",
)
# What the language host starts, as the SDK's module has it.
HELPERS = ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python")


def made_from() -> str:
    """The stamp of a build: of the pins, not of the Go that was used."""
    lists = (WRAPPERS / program.wrapper / name for program in PROGRAMS for name in ("go.mod", "go.sum"))
    return digest(PULUMI_BUILT, PULUMI_HELPERS_SUM, *lists)


def build(lane: Lane, folder: Path) -> None:
    """Put both programs and their helpers into `folder`; about three minutes on two cores.

    Side by side: the second compiles while the first still fetches its modules.
    """
    go = find_go(lane)
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(compile_program, lane, go, program, folder) for program in PROGRAMS]
        jobs.append(pool.submit(bring_helpers, lane, go, folder))
        for job in jobs:
            job.result()
    go.forget()


def compile_program(lane: Lane, go: Go, program: Program, folder: Path) -> None:
    """`go build` of one program, as Pulumi builds its releases, but with no C compiler needed."""
    version = f"-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{PULUMI_BUILT}"
    words = ("-ldflags", version, "-o", folder / program.name, program.package)
    lane.run(go.program, "build", "-v", *compiler_flags(), *words, cwd=WRAPPERS / program.wrapper, env=go.environment)


def compiler_flags() -> list[str]:
    """Flags that save a third of the compiler's work and nothing else.

    No debug data, which the linker strips anyway; nothing optimised that never runs here.
    """
    return ["-gcflags=all=-dwarf=false", *(f"-gcflags={module}/...=-dwarf=false -N -l" for module in IDLE)]


def bring_helpers(lane: Lane, go: Go, folder: Path) -> None:
    """Copy the helpers out of the SDK's module. Module zips drop the executable bit."""
    lane.run(go.program, "mod", "download", PULUMI_HELPERS, env=go.environment)
    source = module_folder(go)
    for helper in HELPERS:
        (folder / Path(helper).name).write_bytes((source / helper).read_bytes())
        (folder / Path(helper).name).chmod(0o755)


def module_folder(go: Go) -> Path:
    """Where Go has the SDK's module. Raises SetupError if it is not the one we pinned."""
    words = [str(go.program), "mod", "download", "-json", PULUMI_HELPERS]
    said = subprocess.run(words, env=go.whole_environment(), capture_output=True, text=True, check=True).stdout
    module = json.loads(said)
    if module["Sum"] != PULUMI_HELPERS_SUM:
        raise SetupError(
            f"{PULUMI_HELPERS}: its checksum is {module['Sum']}, pinned is {PULUMI_HELPERS_SUM}",
            hint="ask whoever runs your Go module proxy",
        )
    return Path(module["Dir"])
