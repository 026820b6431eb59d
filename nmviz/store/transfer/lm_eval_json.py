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
from nmviz.store.transfer.files import LARGEST_COUNT, shown
from nmviz.store.transfer.incoming import Batch, admit, name_fits

KEPT = {
    "acc": "acc",
    "acc_norm": "acc_norm",
    "prompt_level_strict_acc": "prompt_strict",
    "prompt_level_loose_acc": "prompt_loose",
}
"""lm-eval's name of a metric and ours."""
PROMPT = ("fewshot_as_multiturn", "chat_template_sha", "system_instruction_sha")
"""What a file says at its top of how prompts were put together."""
SETTINGS = ("batch_size", "limit", "gen_kwargs", "random_seed", "torch_seed", "fewshot_seed")
VERSIONS = {"lm_eval_version": "lm_eval", "transformers_version": "transformers"}
ADAPTERS = ("peft", "delta")
"""Arguments that make another model of the pretrained one."""
UNKNOWN: dict[str, None] = dict.fromkeys(
    ("corpus", "tokens", "window", "bos", "calibration_windows", "seed")
)
_KEY = re.compile(r"(?P<metric>[^,]+?)(?P<stderr>_stderr)?(,(?P<filter>.*))?", re.DOTALL)


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
    samples = _mapping(document.get("n-samples"), f"{where} at n-samples")
    found: list[Measurement] = []
    left_out: Counter[str] = Counter()
    for task, values in sorted(_mapping(document.get("results"), f"{where} at results").items()):
        place = f"{where} at results.{shown(task)}"
        if not name_fits(task):
            raise UserError(f"{place}: that is no name of a task.")
        values = _mapping(values, place)
        count = _count(samples.get(task), f"{where} at n-samples.{shown(task)}")
        for key, match in _metrics(values):
            if match["metric"] in KEPT and match["filter"] in (None, "none"):
                found.append(_measurement(values, key, match, task, count, place))
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


def _metrics(values: Mapping[str, Any]) -> Iterator[tuple[str, re.Match[str]]]:
    """The keys that are metrics; standard errors, names for display and texts are not."""
    for key, value in sorted(values.items()):
        match = _KEY.fullmatch(key)
        if match is None or match["stderr"] or key.strip() in ("", "alias"):
            continue
        if match["metric"] in KEPT or isinstance(value, int | float):
            yield key, match


def _measurement(
    values: Mapping[str, Any],
    key: str,
    match: re.Match[str],
    task: str,
    count: int | None,
    place: str,
) -> Measurement:
    beside = f"{match['metric']}_stderr" + (
        "" if match["filter"] is None else f",{match['filter']}"
    )
    stderr = values.get(beside)
    return Measurement(
        metric=KEPT[match["metric"]],
        task=task,
        value=number(values[key], f"{place}.{shown(key)}"),
        stderr=None if stderr in (None, "N/A") else number(stderr, f"{place}.{shown(beside)}"),
        n=count,
        unit_of_n=None if count is None else "examples",
    )


def number(value: Any, where: str) -> float:
    """A number of JSON. UserError for anything else, true and false too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UserError(f"{where}: it is no number.")
    return float(value)


def _count(told: Any, where: str) -> int | None:
    """How many examples were scored, where the file says so."""
    count = _mapping(told, where).get("effective") if told is not None else None
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= LARGEST_COUNT:
        raise UserError(f"{where}.effective: it is no count.")
    return count


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise UserError(f"{where}: it is no object.")
    return value


def model_name(document: Mapping[str, Any], where: str) -> str:
    """The model as the file names it. UserError where it names none."""
    told = model_arguments(document)
    name = told.get("pretrained") or document.get("model_name") or told.get("model")
    if not isinstance(name, str) or not name_fits(name, 300):
        raise UserError(f"{where} does not say which model it is of: config.model_args.pretrained.")
    added = [f"{kind}={told[kind]}" for kind in ADAPTERS if told.get(kind)]
    return f"{name} ({', '.join(added)})" if added else name


def model_arguments(document: Mapping[str, Any]) -> dict[str, Any]:
    """`config.model_args`, which is an object or one text `name=value,name=value`."""
    config = document.get("config")
    told = config.get("model_args") if isinstance(config, Mapping) else None
    if isinstance(told, Mapping):
        return dict(told)
    parts = [part.partition("=") for part in told.split(",")] if isinstance(told, str) else []
    return {name.strip(): value for name, _, value in parts}


def provenance(
    document: Mapping[str, Any], source: str, printed: Printed, where: str
) -> Provenance:
    """What the file says about how it was made; nothing else is filled in."""
    config = document.get("config")
    config = config if isinstance(config, Mapping) else {}
    settings = {key: config[key] for key in SETTINGS if config.get(key) is not None}
    settings |= {"model_args": model_arguments(document), "dtype": config.get("model_dtype")}
    settings |= {
        "num_fewshot": _shots(document.get("n-shot")),
        "task_versions": document.get("versions"),
    }
    settings |= {name: document[name] for name in PROMPT if document.get(name) is not None}
    if "chat_template" in document:
        settings["apply_chat_template"] = document["chat_template"] is not None
    versions = {name: document.get(key) for key, name in VERSIONS.items()}
    commit, device = document.get("git_hash"), config.get("device")
    return Provenance(
        source=source,
        started=_time(document.get("date"), f"{where} at date"),
        versions={name: _text(value) for name, value in versions.items() if value},
        commit=_text(commit) if commit else None,
        device=_text(device) if device else None,
        settings={
            name: _text(value) for name, value in settings.items() if value not in (None, {})
        },
        printed=printed,
    )


def _shots(told: Any) -> Any:
    """Examples in the prompt: one number where it is the same for every task."""
    counts = list(told.values()) if isinstance(told, Mapping) else []
    return counts[0] if counts and all(count == counts[0] for count in counts) else told


def _text(value: Any) -> str:
    """A setting as text, an object as `name=value`."""
    if isinstance(value, Mapping):
        return shown(",".join(f"{name}={part}" for name, part in sorted(value.items())), 500)
    return shown(value, 500)


def _time(told: Any, where: str) -> str | None:
    if told is None:
        return None
    try:
        return datetime.fromtimestamp(number(told, where), UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        raise UserError(f"{where}: it is no time in seconds since 1970.") from None
