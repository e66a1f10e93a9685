"""How far a start of vLLM is, by what it says."""

import re

# What tells how far a start is: lines of progress, and frames of a traceback. The newest one before a failure counts.
IN = r", in (?:{})$"
LOADING = "load_model|load_weights|initialize_model"
PROFILING = "determine_available_memory|profile_run|_dummy_sampler_run|_dummy_pooler_run"
CAPTURING = "profile_cudagraph_memory|capture_model|_?capture_cudagraphs?|compile_or_warm_up_model"
PHASES = (
    ("load", re.compile("Starting to load model|" + IN.format(LOADING))),
    ("profile", re.compile("Model loading took|" + IN.format(PROFILING))),
    ("capture", re.compile("GPU KV cache size|" + IN.format(CAPTURING))),
    ("run", re.compile("encountered a fatal error|" + IN.format("run_busy_loop"))),
)
# A trial run executes the model, too (0.33 v1/worker/gpu/model_runner.py:920), so it tells only where nothing else has.
EXECUTING = re.compile(IN.format("execute_model"))


def phase_after(phase: str, text: str) -> str:
    """The phase of a start after a line of its log, `phase` before it: start, load, profile, capture or run."""
    newest = next((name for name, mark in PHASES if mark.search(text)), phase)
    return "run" if newest == "start" and EXECUTING.search(text) else newest  # of a log that is cut off
