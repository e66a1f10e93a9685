"""What a doctor asks of a box: is it reached, does vLLM answer, and what stands behind it."""

import hashlib

from playbooks.doctor_cards import gpus
from playbooks.doctor_check import Finding, Question, no_matter, ok, unknown, wrong
from playbooks.doctor_exam import ARCHITECT, LEAST_FREE_MIB, SHM, SHM_ROOM, Exam
from playbooks.doctor_stack import judged_clock, told
from playbooks.stage_errors import shortened
from playbooks.stages import IN_GRAPH
from playbooks.start_logs import NOTHING_WRONG, diagnosed
from playbooks.tunnel_files import box_key_file
from stacks.errors import BoxError, ConfigError, ModelError

LOOK_SECONDS = 120  # the watchdog looks every 20 s
FIX, BOOTSTRAP, SEE_LOG = "fab doctor --fix", "fab bootstrap", "fab logs --of vllm"
LATER = "ask again when they are done"
MODEL_STAGES = ("weights", "vllm", "ready")  # what fails in them is the model's fault, not the box's


def reached(exam: Exam) -> Finding:
    """That the box answered at all, with the pinned host key: otherwise none of this is asked."""
    return ok(f"reached at {exam.box.address}, with the pinned host key")


def clock(exam: Exam) -> Finding:
    """The box's clock against this laptop's."""
    return judged_clock(exam.ahead, "the box's clock", "this laptop's")


def watchdog(exam: Exam) -> Finding:
    """The box's own killer: armed, looking, its token taken."""
    told, kept = exam.report.watchdog, exam.section("watchdog")
    cure = f"pulumi up -s {exam.box.stack} arms it again"
    if exam.settings and not exam.settings.self_destruct:
        return no_matter("selfDestruct is off: this box never ends itself", "mind the bill")
    if "token" in kept["trouble"]:
        return wrong(f"it cannot end the box: {kept['trouble']}", cure)
    age = exam.section("time") - (kept["checked"] or 0)
    if kept["timer"] != "active" or age > LOOK_SECONDS:
        last = f"its last look was {age / 60:.0f} min ago" if kept["checked"] else "it never looked"
        return wrong(f"its timer is {kept['timer'] or 'unknown'}, {last}", f"{BOOTSTRAP} wakes it; else {cure}")
    if not told.armed:
        return wrong(f"not armed: {told.why}", cure)
    beside = f"; {kept['trouble']}" if kept["trouble"] else ""
    return ok(f"armed, looked {max(0, age):.0f} s ago: {told.why}{beside}")


def disks(exam: Exam) -> Finding:
    """Room on every disk."""
    rows = exam.section("disks")
    full = [row for row in rows if row["free_mib"] < LEAST_FREE_MIB]
    words = ", ".join(f"{row['path']} {row['free_mib']:,} of {row['total_mib']:,} MiB free" for row in full or rows)
    if not full:
        return ok(words)
    return wrong(words, SHM_ROOM if all(row["path"] == SHM for row in full) else f"{FIX} frees what nobody needs")


def docker(exam: Exam) -> Finding:
    """The daemon, and vLLM's image."""
    found = exam.section("docker")
    image = found["image"]
    if not image["there"]:
        busy = [stage for stage in exam.busy if stage in ("docker", "image")]
        return (
            unknown(f"{image['name']} is not there yet: {busy[0]} runs")
            if busy
            else wrong(f"{image['name']} is not there", BOOTSTRAP)
        )
    return ok(f"Docker {found['version']} has {image['name']}")


def weights(exam: Exam) -> Finding:
    """The model's files."""
    found = exam.section("weights")
    if not found["files"]:
        if "weights" in exam.busy:
            return unknown(f"{found['name']} is still being fetched")
        return wrong(f"{found['name']} has no files", FIX)
    how = "handed in by the cloud" if found["handed_in"] else "downloaded"
    return ok(f"{found['name']}, {found['files']} files, {found['mib']:,} MiB, {how}")


def stages(exam: Exam) -> Finding:
    """The stages in which the box becomes ready."""
    rows = exam.rows
    failed = [row for row in rows if row.state == "failed"]
    if failed:
        kind = ModelError if failed[0].stage in MODEL_STAGES else BoxError
        words = "; ".join(f"{row.stage} failed: {shortened(row.word)}" for row in failed)
        return wrong(words, f"see box/log; {BOOTSTRAP}, once mended", kind)
    if exam.busy:
        return unknown(f"it is becoming ready: {', '.join(exam.busy)} runs", f"follow it: {BOOTSTRAP}")
    waiting = [row.stage for row in rows if row.state == "waiting" and row.stage in IN_GRAPH]
    if waiting:
        return wrong(f"nothing runs, and {', '.join(waiting)} never began", BOOTSTRAP)
    return ok(f"all {len(rows)} are done")


def bundle(exam: Exam) -> Finding:
    """Whether the box has what this checkout would bring: a difference is no fault, and nothing restarts unasked."""
    from stacks.bundle import bundle_for

    if exam.settings is None:
        return unknown("the stack's settings cannot be read")
    if exam.report.bundle != bundle_for(exam.settings).sha256:
        return no_matter("this checkout, or its config, declares another bundle than the box has", BOOTSTRAP)
    return ok("what this checkout declares")


def container(exam: Exam) -> Finding:
    """vLLM's container: does it run, how did it end."""
    found = exam.section("container")
    if found is None:
        return not_yet(exam) or wrong("there is no container", BOOTSTRAP)
    again = f", started again {found['restarts']} times" if found["restarts"] else ""
    if found["status"] == "running" and (exam.serves or not found["restarts"]):
        return ok(f"running since {found['started'][:19]}Z{again}")
    killed = ", killed for want of memory" if found["out_of_memory"] else ""
    said = f": {found['error']}" if found["error"] else ""
    return wrong(f"{found['status']}, exit code {found['exit_code']}{killed}{again}{said}", way_out(exam))


def log(exam: Exam) -> Finding:
    """What vLLM's log comes to."""
    found = exam.diagnosis
    if found is None:
        return not_yet(exam) or unknown("vLLM has said nothing")
    words = f"{found.cause}: {found.evidence}" if found.evidence else found.cause
    if exam.answers:
        return ok(words if found.cause == "healthy" else f"{words}; and it answers")
    if found.cause in NOTHING_WRONG:
        return ok(words)
    if found.cause == "unknown":
        return not_yet(exam) or unknown(words, found.cure)
    return wrong(words, found.cure)


def models(exam: Exam) -> Finding:
    """What vLLM serves, and with which window."""
    if silent := no_answer(exam, "models"):
        return silent
    found = exam.section("models")
    if found["status"] != 200:
        return wrong(f"/v1/models answered {found['status']}: {found['said']}", SEE_LOG)
    windows = {row["name"]: row["window"] for row in found["served"]}
    if exam.box.served_name not in windows:
        return wrong(f"vLLM serves {', '.join(windows) or 'nothing'}, not {exam.box.served_name}", BOOTSTRAP)
    window, asked = windows[exam.box.served_name], exam.settings.context if exam.settings else None
    if asked and window != asked:
        return wrong(f"{exam.box.served_name} has a window of {window} tokens, its config says {asked}", BOOTSTRAP)
    return ok(f"{exam.box.served_name} with a window of {window} tokens")


def completion(exam: Exam) -> Finding:
    """One real completion, made on the box."""
    if not exam.has("completion") and exam.works:
        return unknown(
            f"busy: {exam.section('queue')['requests']:.0f} requests run or wait, ours did not come to its turn", LATER
        )
    if silent := no_answer(exam, "completion"):
        return silent
    found = exam.section("completion")
    if found["came"]:
        return ok(f"came back in {found['seconds']:.1f} s")
    return wrong(f"none came: {found['status']}: {found['said']}", way_out(exam))


def architect(exam: Exam) -> Finding:
    """The second vLLM, of a box that has one: it answers, or what its container and its log say."""
    found = exam.section("architect")
    if found is None:
        return no_matter("one model has both roles")
    answer, there = found["completion"], found["container"]
    if answer["came"]:
        return ok(f"{exam.box.architect_name} answered in {answer['seconds']:.1f} s")
    if unready := not_yet(exam):
        return unready
    state = f"is {there['status']}, started again {there['restarts']} times" if there else "is not there"
    cause = diagnosed([found["log"]], answers=False) if there else None
    why = f"{cause.cause}: {cause.evidence}" if cause and cause.cause not in NOTHING_WRONG else answer["said"]
    return wrong(
        f"{ARCHITECT} {state}; it does not answer: {why}",
        f"see fab logs --of architect; start it again: fab ssh -- docker restart {ARCHITECT}" if there else BOOTSTRAP,
    )


def no_answer(exam: Exam, name: str) -> Finding | None:
    """What a question to vLLM comes to if nobody answered it; None if somebody did."""
    if exam.has(name):
        return None
    return not_yet(exam) or wrong(f"vLLM does not answer: {exam.facts[name]['broken']}", way_out(exam))


def way_out(exam: Exam) -> str:
    """`--fix` where it knows a cure; else what the log's cause asks of a person."""
    if told(lambda: exam.curable):
        return FIX
    return exam.diagnosis.cure if exam.diagnosis else BOOTSTRAP


def not_yet(exam: Exam) -> Finding | None:
    """That the box is still becoming ready; None if it is not about that."""
    return unknown(f"not yet: {', '.join(exam.busy)} runs", f"follow it: {BOOTSTRAP}") if exam.busy else None


def key(exam: Exam) -> Finding:
    """Whether the gateway holds the key that this box's vLLM asks for."""
    file = box_key_file(exam.box.stack)
    if not file.is_file():
        return no_matter("no tunnel was opened: this laptop has none of its keys")
    if hashlib.sha256(file.read_bytes().strip()).hexdigest() != exam.section("key"):
        return wrong(f"{file} is not the key that the box's vLLM asks for", "fab tunnel brings it")
    return ok("this laptop's copy is the box's own")


QUESTIONS: tuple[Question[Exam], ...] = (
    Question("box/ssh", BoxError, reached),
    Question("box/clock", BoxError, clock),
    Question("box/watchdog", BoxError, watchdog),
    Question("box/disk", BoxError, disks),
    Question("box/docker", BoxError, docker),
    Question("box/gpu", BoxError, gpus),
    Question("box/key", ConfigError, key),
    Question("box/bundle", ConfigError, bundle),
    Question("box/stages", BoxError, stages),
    Question("box/weights", ModelError, weights),
    Question("box/container", ModelError, container),
    Question("box/log", ModelError, log),
    Question("box/models", ModelError, models),
    Question("box/completion", ModelError, completion),
    Question("box/architect", ModelError, architect),
)
