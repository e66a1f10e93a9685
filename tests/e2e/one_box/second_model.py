"""A second model for the box, made by the test: a tiny random Llama with SmolLM2's tokenizer and chat template.

A Hub at the box's own loopback has it, and one that is gated; one that is torn is handed in, as the local cloud does.
Their rows are added to the checkout that the test's laptop has, not to daybox's catalog: nobody else can serve them.
"""

from tests.laptop import Laptop

ROWS = """

from dataclasses import replace

from stacks.attention import Full

TINY = replace(SMOLLM2_135M, attention=(Full(2, 2, 32),), heads=4)
MADE = "made by the test"
MODELS += (
    Model("tiny-llama", "nobody/tiny-llama", TINY, 0.013, 0.026, BF16, MADE, revision="1" * 40),
    Model("torn-llama", "nobody/torn-llama", TINY, 0.013, 0.026, BF16, MADE),
    Model("gated-llama", "nobody/gated-llama", TINY, 0.013, 0.026, BF16, MADE, revision="0" * 40),
)
"""
# Runs on the box, with the packages that its vLLM has. The second is cut off in the middle, as a copy may be.
MAKE = """
import json, shutil, numpy
from pathlib import Path
from safetensors.numpy import save_file
models = Path("/var/cache/daybox/models")
source, target, torn = models / "smollm2-135m", Path("/root/hub/nobody/tiny-llama"), models / "torn-llama"
target.mkdir(parents=True)
for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json"):
    shutil.copy(source / name, target)
config = json.loads((source / "config.json").read_text())
hidden, middle, kv, layers, vocabulary = 128, 256, 64, 2, config["vocab_size"]
config |= {"hidden_size": hidden, "intermediate_size": middle, "num_hidden_layers": layers}
config |= {"num_attention_heads": 4, "num_key_value_heads": 2, "dtype": "float32"}
(target / "config.json").write_text(json.dumps(config))
shapes = {"model.embed_tokens": (vocabulary, hidden), "model.norm": (hidden,)}
for layer in range(layers):
    own = {"input_layernorm": (hidden,), "post_attention_layernorm": (hidden,)}
    own |= {"self_attn.q_proj": (hidden, hidden), "self_attn.o_proj": (hidden, hidden)}
    own |= {"self_attn.k_proj": (kv, hidden), "self_attn.v_proj": (kv, hidden)}
    own |= {"mlp.gate_proj": (middle, hidden), "mlp.up_proj": (middle, hidden), "mlp.down_proj": (hidden, middle)}
    shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in own.items()}
random = numpy.random.default_rng(1)
save_file({f"{name}.weight": random.normal(0, 0.02, shape).astype("float32") for name, shape in shapes.items()},
          target / "model.safetensors", metadata={"format": "pt"})
shutil.copytree(target, torn)
with (torn / "model.safetensors").open("r+b") as weights:
    weights.truncate(1 << 20)
"""
# As much of the Hub as `download` asks for; tests/templates/hub.py is the whole one.
HUB = """
import hashlib, json, re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
def row(file):
    content = file.read_bytes()
    oid = hashlib.sha1(b"blob %d\\0" % len(content) + content).hexdigest()
    return {"type": "file", "path": file.name, "size": len(content), "oid": oid}
class Hub(BaseHTTPRequestHandler):
    def do_GET(self):
        if "gated" in self.path:
            return self.say(401, b"")
        if asked := re.match("/api/models/(.*)/tree/", self.path):
            return self.say(200, json.dumps([row(file) for file in Path("/root/hub", asked[1]).iterdir()]).encode())
        model, _, name = self.path[1:].partition("/resolve/")
        content = Path("/root/hub", model, name.partition("/")[2]).read_bytes()
        first, last = map(int, re.findall("[0-9]+", self.headers["Range"]))
        self.say(206, content[first:last + 1])
    def say(self, status, content):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
ThreadingHTTPServer(("127.0.0.1", 8099), Hub).serve_forever()
"""
DROP_IN = "/run/systemd/system/daybox-new-weights.service.d"


def hand_in(laptop: Laptop) -> None:
    """Have the models on the box and at its Hub, and their rows in the laptop's catalog."""
    laptop.on_box("PYTHONPATH=/var/cache/daybox/site python3 -", stdin=MAKE)
    laptop.on_box("cat >/root/hub/hub.py && systemd-run --quiet --unit=test-hub python3 /root/hub/hub.py", stdin=HUB)
    endpoint = "[Service]\nEnvironment=HF_ENDPOINT=http://127.0.0.1:8099\n"
    laptop.on_box(f"mkdir -p {DROP_IN} && cat >{DROP_IN}/hub.conf && systemctl daemon-reload", stdin=endpoint)
    with (laptop.root / "stacks/models.py").open("a") as file:
        file.write(ROWS)


def take_away(laptop: Laptop) -> None:
    """Undo it."""
    file = laptop.root / "stacks/models.py"
    file.write_text(file.read_text().removesuffix(ROWS))
    laptop.on_box(
        f"systemctl stop test-hub; rm -rf {DROP_IN} /root/hub /var/cache/daybox/models/torn-llama; "
        "cd /var/lib/daybox/models && rm -rf t*-llama .*-llama-*; systemctl daemon-reload"
    )
