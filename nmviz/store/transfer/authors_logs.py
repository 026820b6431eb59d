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
from collections.abc import Iterator, Mapping, Sequence
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
from nmviz.store.transfer.columns import Column, Reader, value_of, values
from nmviz.store.transfer.files import shown
from nmviz.store.transfer.incoming import Batch, admit

MARK = "sparsity_type"
"""A file that has it is such a log; lm-eval's own results never do."""
NO_CHAT = (None, False, "", "None", "False", "false")
DENSE = (None, "", "None", "none", "dense")
LM_EVAL, HARNESS, WIKITEXT = "lm_eval", "harness", "ppl_wikitext2"
DEEPEST = 8
_OF_LM_EVAL = ("results", "groups", "configs", "versions", "n-shot", "n-samples")


def _model_name(told: Any, where: str) -> str | None:
    """The last folder of a path; None for an empty one."""
    if told and not isinstance(told, str):
        raise UserError(f"{where}: it is no name of a model.")
    return told.rstrip("/").rpartition("/")[2] if told else None


def _window(told: Any, where: str) -> int:
    if isinstance(told, bool) or not isinstance(told, int) or not 2 <= told <= LARGEST_BUDGET:
        raise UserError(f"{where}: it is no number of tokens.")
    return told


def _limit(told: Any, where: str) -> int:
    limit = whole_limit(told, where)
    if limit == 0:
        raise UserError(f"{where}: it counts no questions, or one; name at least 2.")
    return limit


def _perplexity(told: Any, where: str) -> float:
    """A number, or an object that has it for WikiText alone."""
    if isinstance(told, Mapping):
        if len(told) != 1 or "wiki" not in next(iter(told)).lower():
            raise UserError(f"{where}: it is not one perplexity, of WikiText-2.")
        told = next(iter(told.values()))
    found: float = value_of(float, told, where)
    return found


def _modules(told: Any, where: str) -> str:
    """`q,k,v,o,gate,up,down` of `["q_proj", ...]`, in the order of the block."""
    names = told.replace("|", ",").split(",") if isinstance(told, str) else told
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}: it is no list of names.")
    short = {name.strip().removesuffix("_proj") for name in names}
    if unknown := sorted(short - set(PROJECTIONS)):
        raise UserError(f"{where}: {shown(unknown[0])!r} is not known here.")
    return ",".join(name for name in PROJECTIONS if name in short)


def _text(told: Any, _: str) -> str:
    return shown(told, 500)


def _of(section: str, name: str, kind: type | Reader) -> tuple[Column, Column]:
    """What one section says, else any other."""
    return Column(name, f"{section}.{name}", kind), Column(name, name, kind)


LOG = (
    Column("model", "model.path", _model_name),
    Column("model", "path_to_model", _model_name),
    Column("model", "model_name_or_path", _model_name),
    Column("model", "model_path", _model_name),
    Column("model", "model_name", _model_name),
    Column("kind", MARK, object),
    Column("perplexity", "ppl", _perplexity),
    Column("perplexity", "wikitext ppl", _perplexity),
    Column("window", "seqlen", _window),
    Column("step", "transformation_type", object),
    Column("added", "additional_transformation", object),
)
SHARE = (Column("ratio", "sparsity_ratio", float, required=True),)
N_OF_M = (
    Column("keep", "prune_n", object, required=True),
    Column("of", "prune_m", object, required=True),
)
SCOPE = (Column("modules", "target_modules", _modules, required=True),)
ASKED = (
    *_of(HARNESS, "num_fewshot", shots_of),
    *_of(HARNESS, "limit", _limit),
    *_of(HARNESS, "apply_chat_template", object),
)
SETTINGS = {
    HARNESS: tuple(
        column
        for name in ("num_fewshot", "apply_chat_template", "batch_size")
        for column in _of(HARNESS, name, _text)
    ),
    WIKITEXT: _of(WIKITEXT, "batch_size", _text),
}
"""What is kept of how a number was made, by the section that says it."""


def is_log(document: Mapping[str, Any]) -> bool:
    """Whether a document says how a model was pruned."""
    return any(MARK in section for _, section in _sections(document))


def read(document: Mapping[str, Any], name: str) -> Batch:
    """The one result of a log. UserError where it says too little, or what is not known here."""
    found, left_out = _numbers(document, name)
    log = _Log(document, name)
    told = log.values(LOG)
    perplexity = log.perplexity if told["perplexity"] is None else told["perplexity"]
    if not found and perplexity is None:
        raise UserError(f"{name} holds neither lm-eval results nor a ppl.")
    printed, experiment = _experiment(log, told)
    if perplexity is not None:
        experiment = experiment.but(corpus="wikitext-2", window=told["window"])
        found = (Measurement(metric="perplexity", value=perplexity), *found)
    if log.evaluated:
        experiment = experiment.but(**_asked(log))
    result = Result(experiment=experiment, measurements=found, provenance=_provenance(log, printed))
    columns = lm_eval_json.source_columns(printed.place, "Log of the authors' code", name)
    return Batch([admit(pack(result), name)], columns, left_out)


class _Log:
    """A document whose values are asked for by name, in whatever section they lie."""

    def __init__(self, document: Mapping[str, Any], name: str) -> None:
        if not is_log(document):
            raise UserError(f"{name} at {MARK}: it is missing.")
        self.name = name
        self.evaluated = _evaluated(document, name) or {}
        self.identity = f"log:{lm_eval_json.digest(document)}"
        self._sections = list(_sections(document))

    def values(self, columns: Sequence[Column]) -> dict[str, Any]:
        """Values by our names. A path is a name that any section may have, or `SECTION.NAME`.

        UserError as for any columns, and where sections say different things.
        """
        return values(columns, self._sections, self.name, find=self._find)

    def _find(self, column: Column, sections: Sequence[tuple[str, Mapping[str, Any]]]) -> Any:
        within, _, key = column.place.rpartition(".")
        found = [part[key] for name, part in sections if key in part and within in ("", name)]
        if any(value != found[0] for value in found):
            raise UserError(f"{self.name} has two different values of {key}.")
        return found[0] if found else None

    @property
    def perplexity(self) -> float | None:
        """The one beside the tasks."""
        told = self.evaluated.get("results", {}).get("ppl")
        return None if told is None else _perplexity(told, f"{self.name} at ppl")


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


def _experiment(log: _Log, told: Mapping[str, Any]) -> tuple[Printed, Any]:
    """The names as the log says them, and the experiment they stand for in names.csv."""
    folder = published_folder()
    if folder is None:
        raise UserError(
            "The log's names are explained in results/published/names.csv, which is not installed: "
            "import it in a checkout of the project."
        )
    model = told["model"] or lm_eval_json.model_name(log.evaluated, log.name).rpartition("/")[2]
    dense = told["kind"] in DENSE
    printed = Printed(
        place=log.identity,
        model=model,
        pattern="dense" if dense else _pattern(log, told["kind"]),
        method="dense" if dense else _method(told),
        scope=None if dense else log.values(SCOPE)["modules"],
    )
    try:
        experiment = published.read_names(folder).experiment(
            model, printed.pattern, printed.method, printed.scope or ""
        )
    except UserError as error:
        raise UserError(f"{log.name}: {shown(error, 250)}") from None
    return printed, experiment


def _pattern(log: _Log, kind: Any) -> str:
    """As names.csv writes it: `2:4`, or `unstructured-0.5`."""
    if str(kind).startswith("unstructured"):
        ratio = log.values(SHARE)["ratio"]
        return f"unstructured-{Decimal(str(ratio)).normalize():f}"
    told = log.values(N_OF_M)
    return f"{shown(told['keep'], 9)}:{shown(told['of'], 9)}"


def _method(told: Mapping[str, Any]) -> str:
    """`semi_structural_L_pruner / shift+additional=var`: what the command line asked for."""
    step = "none" if told["step"] in DENSE else shown(told["step"])
    more = "" if told["added"] in DENSE else f"+additional={shown(told['added'])}"
    return f"{shown(told['kind'])} / {step}{more}"


def _asked(log: _Log) -> dict[str, Any]:
    """How lm-eval asked, where the log says it; the authors' code gives no examples by itself."""
    told = log.values(ASKED)
    return {
        "shots": told["num_fewshot"] or 0,
        "limit": told["limit"],
        "chat": told["apply_chat_template"] not in NO_CHAT,
    }


def _provenance(log: _Log, printed: Printed) -> Provenance:
    made = lm_eval_json.provenance(log.evaluated, log.identity, printed, log.name)
    told = log.values(SETTINGS[HARNESS if log.evaluated else WIKITEXT])
    said = {name: value for name, value in told.items() if value is not None}
    return made.model_copy(update={"settings": {**made.settings, **said}})
