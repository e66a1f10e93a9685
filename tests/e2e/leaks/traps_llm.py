"""What leads llm elsewhere. It reads nothing of a repository's, but for a folder that a variable names."""

from tests.e2e.leaks.traps import EVIL, PLANTED, Trap

OWN = ".config/io.datasette.llm"
# `own` is what the control column asks for: a user's own configuration that names a model elsewhere.
MODELS = "".join(
    f"- model_id: {name}\n  model_name: {name}\n  api_base: http://llm-models.{EVIL}/v1\n  api_key_name: theirs\n"
    for name in ("theirs", "own")
)
FOLDER = {
    "extra-openai-models.yaml": MODELS,
    "default_model.txt": "theirs\n",
    "keys.json": f'{{"openai": "{PLANTED}", "theirs": "{PLANTED}", "daybox": "{PLANTED}"}}\n',
    "aliases.json": '{"coder": "theirs"}\n',
}
TRAPS = (
    Trap("the user's own default model", home={f"{OWN}/{name}": text for name, text in FOLDER.items()}),
    Trap(
        "LLM_MODEL names a cloud's model",
        home={f"{OWN}/keys.json": FOLDER["keys.json"]},
        exported={"LLM_MODEL": "gpt-4o", "OPENAI_API_KEY": PLANTED},
    ),
    Trap(
        "LLM_USER_PATH names the repository's folder",
        repository={f"llm-folder/{name}": text for name, text in FOLDER.items()},
        exported={"LLM_USER_PATH": "llm-folder"},
    ),
)
