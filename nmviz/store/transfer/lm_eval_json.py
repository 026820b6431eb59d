"""Results of lm-eval 0.4: the JSON that lm_eval --output_path writes.

`results` holds a mapping a task, `METRIC,FILTER` to a value and `METRIC_stderr,FILTER` to its
standard error ("N/A" for none). Accuracies of the filter `none` are kept, with the counts of
`n-samples`. Perplexities are left out: lm-eval's are taken per word, per byte or of the last word
alone, and none of these is the perplexity per token measured here.

Tasks that were asked in another way (examples in the prompt, limit) are another experiment, so that
a file may hold several results.

lm-eval prunes nothing, so the pattern is dense; whether the model was pruned before it was measured
stands in no such file, only perhaps in the model's name.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from nmviz.base.errors import UserError
from nmviz.core.experiment import Experiment
from nmviz.core.results import Measurement, Printed, Provenance, Result
from nmviz.store.records import pack
from nmviz.store.transfer.asked import Asked, asked
from nmviz.store.transfer.columns import Column, value_of, values
from nmviz.store.transfer.files import shown
from nmviz.store.transfer.incoming import Batch, admit, name_fits

KEPT = {
    "acc": "acc",
    "acc_norm": "acc_norm",
    "prompt_level_strict_acc": "prompt_strict",
    "prompt_level_loose_acc": "prompt_loose",
}
"""lm-eval's name of a metric and ours."""
KNOWN = ("0.3", "0.4")
"""What the versions begin with that are read; older files name none."""
ADAPTERS = ("peft", "delta")
"""Arguments that make another model of the pretrained one."""
UNKNOWN: dict[str, None] = dict.fromkeys(
    ("corpus", "tokens", "window", "bos", "calibration_windows", "seed")
)
_KEY = re.compile(r"(?P<metric>[^,]+?)(?P<stderr>_stderr)?(,(?P<filter>.*))?", re.DOTALL)


def _text(value: Any, _: str = "") -> str:
    """A setting as text, an object as `name=value`."""
    if isinstance(value, Mapping):
        return shown(",".join(f"{name}={part}" for name, part in sorted(value.items())), 500)
    return shown(value, 500)


def _arguments(told: Any, _: str = "") -> dict[str, Any]:
    """What is an object or one text `name=value,name=value`."""
    if isinstance(told, Mapping):
        return dict(told)
    parts = [part.partition("=") for part in told.split(",")] if isinstance(told, str) else []
    return {name.strip(): value for name, _, value in parts}


def _shots(told: Any, _: str) -> str:
    """Examples in the prompt: one number where it is the same for every task."""
    counts = list(told.values()) if isinstance(told, Mapping) else []
    return _text(counts[0] if counts and all(count == counts[0] for count in counts) else told)


def _time(told: Any, where: str) -> str:
    try:
        return datetime.fromtimestamp(value_of(float, told, where), UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        raise UserError(f"{where}: it is no time in seconds since 1970.") from None


def _version(told: Any, where: str) -> str:
    if not str(told).startswith(KNOWN):
        raise UserError(
            f"{where}: version {shown(told, 20)} is not known here, 0.4 is: convert it."
        )
    return _text(told)


def _error(told: Any, where: str) -> float | None:
    found: float | None = None if told == "N/A" else value_of(float, told, where)
    return found


RESULTS = (
    Column("results", "results", dict, required=True),
    Column("samples", "n-samples", dict),
)
SAMPLES = (Column("n", "effective", int),)
"""Of a task: how many examples were scored."""
MODEL = (
    Column("arguments", "config.model_args", _arguments),
    Column("name", "model_name", object),
)
MADE = (
    Column("started", "date", _time),
    Column("lm_eval", "lm_eval_version", _version),
    Column("transformers", "transformers_version", _text),
    Column("commit", "git_hash", _text),
    Column("device", "config.device", _text),
)
SETTINGS = (
    Column("batch_size", "config.batch_size", _text),
    Column("limit", "config.limit", _text),
    Column("gen_kwargs", "config.gen_kwargs", _text),
    Column("random_seed", "config.random_seed", _text),
    Column("torch_seed", "config.torch_seed", _text),
    Column("fewshot_seed", "config.fewshot_seed", _text),
    Column("model_args", "config.model_args", lambda told, _: _text(_arguments(told))),
    Column("dtype", "config.model_dtype", _text),
    Column("num_fewshot", "n-shot", _shots),
    Column("task_versions", "versions", _text),
    Column("fewshot_as_multiturn", "fewshot_as_multiturn", _text),
    Column("chat_template_sha", "chat_template_sha", _text),
    Column("system_instruction_sha", "system_instruction_sha", _text),
)
"""What is kept of how numbers were made, as it is said."""


def number_columns(task: str, metric: str, filter: str | None) -> tuple[Column, ...]:
    """Of one metric of one task."""
    behind = "" if filter is None else f",{filter}"
    return (
        Column("value", ("results", task, f"{metric}{behind}"), float, required=True),
        Column("stderr", ("results", task, f"{metric}_stderr{behind}"), _error),
    )


def read(document: Mapping[str, Any], name: str) -> Batch:
    """The results of a file, of the dense model it names: all tasks that were asked alike are one.
    UserError otherwise."""
    numbers, left_out = measurements(document, name)
    model = model_name(document, name)
    identity = f"lm-eval:{digest(document)}"
    printed = Printed(place=identity, model=model, pattern="dense", method="dense")
    made = provenance(document, identity, printed, name)
    alike = _alike(document, numbers, name)
    results = [
        Result(
            experiment=Experiment.build(model=model, pattern="dense", **UNKNOWN, **how._asdict()),
            measurements=tuple(some),
            provenance=made if len(alike) == 1 else _of(made, how),
        )
        for how, some in alike.items()
    ]
    source = source_columns(identity, "lm-eval result", name)
    return Batch([admit(pack(result), name) for result in results], source, left_out)


def _alike(
    document: Mapping[str, Any], numbers: Sequence[Measurement], name: str
) -> dict[Asked, list[Measurement]]:
    """The numbers of the tasks that were asked in one way, by that way."""
    ways = asked(document, sorted({one.task or "" for one in numbers}), name)
    found: dict[Asked, list[Measurement]] = {}
    for one in numbers:
        found.setdefault(ways[one.task or ""], []).append(one)
    return found


def _of(made: Provenance, how: Asked) -> Provenance:
    """Of a file with several ways to ask, the one of a result."""
    told = {} if how.shots is None else {"num_fewshot": str(how.shots)}
    rest = {name: value for name, value in made.settings.items() if name != "num_fewshot"}
    return made.model_copy(update={"settings": {**rest, **told}})


def digest(document: Mapping[str, Any]) -> str:
    """Twelve characters that stand for what a document says, however it is laid out."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def source_columns(identity: str, what: str, name: str) -> dict[str, Any]:
    """The row of a source that is one imported file."""
    return {
        "id": identity,
        "title": f"{what} {name}",
        "extraction": f"imported by nmviz from {name}; what the file does not say is unknown",
        "seeded": False,
    }


def measurements(
    document: Mapping[str, Any], where: str
) -> tuple[tuple[Measurement, ...], Counter[str]]:
    """The numbers that are known here, and how many values of each other metric there are.

    UserError for a value that is none, and where no value is known.
    """
    told = values(RESULTS, document, where)
    samples = told["samples"] or {}
    found: list[Measurement] = []
    left_out: Counter[str] = Counter()
    for task, numbers in sorted(told["results"].items()):
        place = f"{where} at results.{shown(task)}"
        if not name_fits(task):
            raise UserError(f"{place}: that is no name of a task.")
        count = _count(samples.get(task), task, where)
        for match in _metrics(value_of(dict, numbers, place)):
            if match["metric"] in KEPT and match["filter"] in (None, "none"):
                found.append(_measurement(document, match, task, count, where))
            else:
                left_out[match["metric"]] += 1
    quantities = Counter((number.metric, number.task) for number in found)
    for (metric, of), times in quantities.items():
        if times > 1:
            raise UserError(f"{where} at results.{shown(of)}: {metric} stands there twice.")
    if not found:
        there = ", ".join(shown(metric, 30) for metric in list(left_out)[:5]) or "none at all"
        raise UserError(f"{where} holds no metric that is known here (it holds {there}).")
    return tuple(found), left_out


def _metrics(numbers: Mapping[str, Any]) -> Iterator[re.Match[str]]:
    """The keys that are metrics; standard errors, names for display and texts are not."""
    for key, value in sorted(numbers.items()):
        match = _KEY.fullmatch(key)
        if match is None or match["stderr"] or key.strip() in ("", "alias"):
            continue
        if match["metric"] in KEPT or isinstance(value, int | float):
            yield match


def _measurement(
    document: Mapping[str, Any], match: re.Match[str], task: str, count: int | None, where: str
) -> Measurement:
    columns = number_columns(task, match["metric"], match["filter"])
    return Measurement(
        metric=KEPT[match["metric"]],
        task=task,
        **values(columns, document, where),
        n=count,
        unit_of_n=None if count is None else "examples",
    )


def _count(told: Any, task: str, where: str) -> int | None:
    """How many examples were scored, where the file says so."""
    if told is None:
        return None
    within = f"n-samples.{shown(task)}"
    count: int | None = values(
        SAMPLES, value_of(dict, told, f"{where} at {within}"), where, within
    )["n"]
    return count


def model_name(document: Mapping[str, Any], where: str) -> str:
    """The model as the file names it. UserError where it names none."""
    said = values(MODEL, document, where)
    told = said["arguments"] or {}
    name = told.get("pretrained") or said["name"] or told.get("model")
    if not isinstance(name, str) or not name_fits(name, 300):
        raise UserError(f"{where} does not say which model it is of: config.model_args.pretrained.")
    added = [f"{kind}={told[kind]}" for kind in ADAPTERS if told.get(kind)]
    return f"{name} ({', '.join(added)})" if added else name


def provenance(
    document: Mapping[str, Any], source: str, printed: Printed, where: str
) -> Provenance:
    """What the file says about how it was made; nothing else is filled in."""
    made, settings = values(MADE, document, where), values(SETTINGS, document, where)
    if "chat_template" in document:
        settings["apply_chat_template"] = str(document["chat_template"] is not None)
    versions = {name: made[name] for name in ("lm_eval", "transformers")}
    return Provenance(
        source=source,
        started=made["started"],
        versions={name: value for name, value in versions.items() if value},
        commit=made["commit"] or None,
        device=made["device"] or None,
        settings={name: value for name, value in settings.items() if value},
        printed=printed,
    )
