"""The log format of the paper's authors (act_prune/artifacts/logs of their repository).

A log is one JSON object: `config` says what was run, `lm_eval` holds what lm-eval 0.4.9 found for
every task (`acc,none` and so on), `wikitext ppl` a WikiText-2 perplexity; either may be missing. Of
`config`, `model` has the path and `seqlen`, the perplexity's window; `benchmarks` what was measured
and in which batches; `pruning` the method by `sparsity_type` and `transformation_type`, and the
projections in `target_modules`. The kinds that begin with `unstructured` drop a share of
`sparsity_ratio` and ignore the `prune_n` and `prune_m` beside it; the others keep N of every M.

None of the 22 logs is of a dense model; `sparsity_type` null or "None" is taken for one. Names are
looked for in every section, since sections moved between versions of the code; a name with two
different values refuses the file, where one section does not decide.

What the names mean is looked up in names.csv, as it is for the logs that ship; one that is not
there refuses the file.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from nmviz import published
from nmviz.base.errors import UserError
from nmviz.core.results import Measurement, Printed, Provenance, Result
from nmviz.core.settings import LARGEST_BUDGET
from nmviz.methods.scopes import PROJECTIONS
from nmviz.store.database import published_folder
from nmviz.store.records import pack
from nmviz.store.transfer import lm_eval_json
from nmviz.store.transfer.asked import shots_of, whole_limit
from nmviz.store.transfer.files import shown
from nmviz.store.transfer.incoming import Batch, admit

MARK = "sparsity_type"
"""A file that has it is such a log; lm-eval's own results never do."""
NO_CHAT = (None, False, "", "None", "False", "false")
DENSE = (None, "", "None", "none", "dense")
MODELS = ("path_to_model", "model_name_or_path", "model_path", "model_name")
LM_EVAL, HARNESS, WIKITEXT = "lm_eval", "harness", "ppl_wikitext2"
PERPLEXITIES = ("wikitext ppl", "ppl")
SETTINGS = {
    HARNESS: ("num_fewshot", "apply_chat_template", "batch_size"),
    WIKITEXT: ("batch_size",),
}
"""What is kept of how a number was made, by the section that says it."""
DEEPEST = 8
_OF_LM_EVAL = ("results", "groups", "configs", "versions", "n-shot", "n-samples")
_NOT_THERE = object()


def is_log(document: Mapping[str, Any]) -> bool:
    """Whether a document says how a model was pruned."""
    return any(MARK in section for _, section in _sections(document))


def read(document: Mapping[str, Any], name: str) -> Batch:
    """The one result of a log. UserError where it says too little, or what is not known here."""
    found, left_out = _numbers(document, name)
    log = _Log(document, name)
    perplexity = _perplexity(log)
    if not found and perplexity is None:
        raise UserError(f"{name} holds neither lm-eval results nor a ppl.")
    printed, experiment = _experiment(log)
    if perplexity is not None:
        window = log.told("seqlen", None)
        experiment = experiment.but(corpus="wikitext-2", window=_window(window, name))
        found = (Measurement(metric="perplexity", value=perplexity), *found)
    if log.evaluated:
        experiment = experiment.but(**_asked(log))
    result = Result(experiment=experiment, measurements=found, provenance=_provenance(log, printed))
    columns = lm_eval_json.source_columns(printed.place, "Log of the authors' code", name)
    return Batch([admit(pack(result), name)], columns, left_out)


class _Log:
    """A document whose values are asked for by name, in whatever section they lie."""

    def __init__(self, document: Mapping[str, Any], name: str) -> None:
        self.name = name
        self.evaluated = _evaluated(document, name) or {}
        self.identity = f"log:{lm_eval_json.digest(document)}"
        self._sections = list(_sections(document))

    def told(self, key: str, otherwise: Any = _NOT_THERE, within: str | None = None) -> Any:
        """The value of that name, in the section `within` where one has it.

        UserError where there are two, or none and no `otherwise`.
        """
        has = [(name, section[key]) for name, section in self._sections if key in section]
        values = [value for name, value in has if name == within] or [value for _, value in has]
        if any(value != values[0] for value in values):
            raise UserError(f"{self.name} has two different values of {key}.")
        if not values and otherwise is _NOT_THERE:
            raise UserError(f"{self.name} does not say {key}.")
        return values[0] if values else otherwise

    def path(self) -> Any:
        """The folder of the model, which stands in the section `model` alone."""
        paths = (section.get("path") for name, section in self._sections if name == "model")
        return next(filter(None, paths), None)


def _sections(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The document and every object in it by name, what lm-eval writes of its tasks aside."""
    level: list[tuple[str, Mapping[str, Any]]] = [("", document)]
    for _ in range(DEEPEST):
        yield from level
        level = [
            (key, part)
            for _, section in level
            for key, part in section.items()
            if isinstance(part, Mapping) and key not in _OF_LM_EVAL
        ]


def _evaluated(document: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The object that holds lm-eval's `results`. UserError where two differ."""
    found = [section for _, section in _sections(document) if _has_tasks(section.get("results"))]
    tasks = document.get(LM_EVAL)
    if isinstance(tasks, Mapping) and "results" not in tasks and _has_tasks(tasks):
        found.append({"results": tasks})
    if any(section["results"] != found[0]["results"] for section in found):
        raise UserError(f"{name} holds two different results of lm-eval.")
    return found[0] if found else None


def _has_tasks(results: Any) -> bool:
    """Whether an object has tasks in it. A ppl beside them, or instead of them, is no task."""
    return isinstance(results, Mapping) and any(
        isinstance(values, Mapping) for key, values in results.items() if key != "ppl"
    )


def _numbers(
    document: Mapping[str, Any], name: str
) -> tuple[tuple[Measurement, ...], Counter[str]]:
    evaluated = _evaluated(document, name)
    if evaluated is None:
        return (), Counter()
    tasks = {task: values for task, values in evaluated["results"].items() if task != "ppl"}
    return lm_eval_json.measurements({**evaluated, "results": tasks}, name)


def _perplexity(log: _Log) -> float | None:
    """`wikitext ppl` or `ppl`, beside the configuration or beside the tasks."""
    told = log.evaluated.get("results", {}).get("ppl")
    for key in PERPLEXITIES:
        told = log.told(key, told)
    if isinstance(told, Mapping):
        if len(told) != 1 or "wiki" not in next(iter(told)).lower():
            raise UserError(f"{log.name} at ppl: it is not one perplexity, of WikiText-2.")
        told = next(iter(told.values()))
    return None if told is None else lm_eval_json.number(told, f"{log.name} at ppl")


def _experiment(log: _Log) -> tuple[Printed, Any]:
    """The names as the log says them, and the experiment they stand for in names.csv."""
    folder = published_folder()
    if folder is None:
        raise UserError(
            "The log's names are explained in results/published/names.csv, which is not installed: "
            "import it in a checkout of the project."
        )
    model = _model(log)
    dense = log.told(MARK) in DENSE
    printed = Printed(
        place=log.identity,
        model=model,
        pattern="dense" if dense else _pattern(log),
        method="dense" if dense else _method(log),
        scope=None if dense else _scope(log),
    )
    try:
        experiment = published.read_names(folder).experiment(
            model, printed.pattern, printed.method, printed.scope or ""
        )
    except UserError as error:
        raise UserError(f"{log.name}: {shown(error, 250)}") from None
    return printed, experiment


def _model(log: _Log) -> str:
    told = log.path() or next(filter(None, (log.told(key, None) for key in MODELS)), None)
    name = lm_eval_json.model_name(log.evaluated, log.name) if told is None else told
    if not isinstance(name, str):
        raise UserError(f"{log.name} at model.path: it is no name of a model.")
    return name.rstrip("/").rpartition("/")[2]


def _pattern(log: _Log) -> str:
    """As names.csv writes it: `2:4`, or `unstructured-0.5`."""
    if str(log.told(MARK)).startswith("unstructured"):
        ratio = lm_eval_json.number(log.told("sparsity_ratio"), f"{log.name} at sparsity_ratio")
        return f"unstructured-{Decimal(str(ratio)).normalize():f}"
    return f"{shown(log.told('prune_n'), 9)}:{shown(log.told('prune_m'), 9)}"


def _method(log: _Log) -> str:
    """`semi_structural_L_pruner / shift+additional=var`: what the command line asked for."""
    told = log.told("transformation_type", None)
    step = "none" if told in DENSE else shown(told)
    added = log.told("additional_transformation", None)
    more = "" if added in DENSE else f"+additional={shown(added)}"
    return f"{shown(log.told(MARK))} / {step}{more}"


def _scope(log: _Log) -> str:
    """`q,k,v,o,gate,up,down` of `["q_proj", ...]`, in the order of the block."""
    told = log.told("target_modules")
    names = told.replace("|", ",").split(",") if isinstance(told, str) else told
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{log.name} at target_modules: it is no list of names.")
    short = {name.strip().removesuffix("_proj") for name in names}
    if unknown := sorted(short - set(PROJECTIONS)):
        raise UserError(f"{log.name} at target_modules: {shown(unknown[0])!r} is not known here.")
    return ",".join(name for name in PROJECTIONS if name in short)


def _asked(log: _Log) -> dict[str, Any]:
    """How lm-eval asked, where the log says it; the authors' code gives no examples by itself."""

    def told(key: str) -> Any:
        return log.told(key, None, within=HARNESS)

    limit = whole_limit(told("limit"), f"{log.name} at limit")
    if limit == 0:
        raise UserError(f"{log.name} at limit: it counts no questions, or one; name at least 2.")
    shots = shots_of(told("num_fewshot"), f"{log.name} at num_fewshot")
    return {"shots": shots or 0, "limit": limit, "chat": told("apply_chat_template") not in NO_CHAT}


def _window(told: Any, name: str) -> int | None:
    if told is None:
        return None
    if isinstance(told, bool) or not isinstance(told, int) or not 2 <= told <= LARGEST_BUDGET:
        raise UserError(f"{name} at seqlen: it is no number of tokens.")
    return told


def _provenance(log: _Log, printed: Printed) -> Provenance:
    made = lm_eval_json.provenance(log.evaluated, log.identity, printed, log.name)
    part = HARNESS if log.evaluated else WIKITEXT
    told = {
        key: value
        for key in SETTINGS[part]
        if (value := log.told(key, None, within=part)) is not None
    }
    settings = {**made.settings, **{key: shown(value, 500) for key, value in told.items()}}
    return made.model_copy(update={"settings": settings})
