"""The command line. `nmviz run --json` and the other names and flags are a contract."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from tqdm import tqdm

from nmviz import service
from nmviz.base.errors import UserError
from nmviz.base.starting import quick_start
from nmviz.base.validation import built
from nmviz.cli import printing
from nmviz.cli.options import fields_of, options_of
from nmviz.cli.sweep import STOPPED, sweep
from nmviz.core.experiment import Experiment
from nmviz.core.provenance import machine
from nmviz.core.results import Progress
from nmviz.core.running import Running
from nmviz.core.settings import Settings
from nmviz.methods import scopes
from nmviz.service.listing import explore as rows_of_published
from nmviz.sources import corpora
from nmviz.store import open_store, seed
from nmviz.store.exporting import export_file
from nmviz.store.importing import Format, import_file

USER_MISTAKE = 2  # exit status for what the user can mend

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
store_app = typer.Typer(no_args_is_help=True, help="Create, update and check the database.")
app.add_typer(store_app, name="store")
app.command()(sweep)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def main() -> None:
    """Run the command; what the user can mend ends in one line on stderr and status 2."""
    try:
        sys.exit(app(standalone_mode=False))
    except (UserError, typer.TyperException) as error:
        print(f"nmviz: {_one_line(error)}", file=sys.stderr)
        sys.exit(USER_MISTAKE)
    except (KeyboardInterrupt, typer.Abort):
        print("nmviz: stopped.", file=sys.stderr)
        sys.exit(STOPPED)


@app.command("app")
def serve_app(host: str = "127.0.0.1", port: int = 7860) -> None:
    """Serve the page."""
    quick_start()
    from nmviz.ui.launch import serve

    serve(host=host, port=port)


@app.command()
@options_of(settings=fields_of(Settings), how=fields_of(Running))
def run(
    settings: dict[str, Any],
    how: dict[str, Any],
    text: Annotated[Path | None, typer.Option(help="Your own UTF-8 file as the corpus.")] = None,
    as_json: Json = False,
) -> None:
    """Prune a model and measure it; a stored result is given at once."""
    if not settings["tasks"] and (settings["chat"] or settings["limit"] is not None):
        raise UserError("--limit and --chat are for tasks: name some with --tasks.")
    own = None if text is None else corpora.read_file(text)
    settings["projections"] = scopes.projections(settings["projections"])
    if own is not None:
        settings["corpus"] = service.OWN_TEXT
    experiment, running = Experiment.build(**settings), built(Running, how)
    if terms := service.describe(experiment.model).terms:
        print(f"nmviz: {terms}", file=sys.stderr)
    steps = service.run([experiment], text=own, how=running)
    last = _follow(steps, "examples" if experiment.tasks else "tokens", kept=running.keep)
    result = last.results[0]
    print(printing.run_line(result) if as_json else printing.run_text(result, last.from_store))


@app.command()
def methods(as_json: Json = False) -> None:
    """List patterns, criteria and mitigations."""
    offered = service.catalogue()
    groups = {
        **{f"{target} criteria": entries for target, entries in offered.criteria.items()},
        "mitigations": offered.mitigations,
    }
    if as_json:
        listing = {
            name: [printing.method_json(m) for m in entries] for name, entries in groups.items()
        }
        print(json.dumps({"patterns": offered.patterns, **listing}))
        return
    print(f"patterns: {', '.join(offered.patterns)}, any other N:M or P%")
    for name, entries in groups.items():
        print(f"\n{name}")
        for method in entries:
            print(f"  {method.name:12} {method.title}\n{'':15}{method.formula}")


@app.command()
def models(
    name: Annotated[str, typer.Argument(help="One model, with the layers that it has.")] = "",
    as_json: Json = False,
) -> None:
    """List the models on offer; any Hub id or folder of a causal language model works too."""
    told = [service.describe(name)] if name else service.catalogue().models
    if as_json:
        print(json.dumps([asdict(model) for model in told]))
        return
    for model in told:
        about = f"{model.title}: {model.blocks} blocks, {model.licence}. {model.note} {model.terms}"
        print(f"{model.id:16} {about.rstrip()}")
    if name:
        layers = [f"{one} (d_in {width})" for one, width in told[0].d_in.items()]
        print(f"linear layers of a block: {', '.join(layers) or 'known once it is loaded'}")


@app.command("tasks")
def list_tasks(as_json: Json = False) -> None:
    """List the tasks that `run --tasks` takes."""
    offered = service.catalogue().tasks
    if as_json:
        print(json.dumps([printing.task_json(task) for task in offered]))
        return
    for task in offered:
        rows = f"{task.examples:,} examples, {task.split}"
        print(f"{task.name:16} {task.title:14} {rows:28} {task.about}")


@app.command()
def audit(as_json: Json = False) -> None:
    """Say what in the published numbers contradicts itself, and what the logs confirm."""
    said = service.published().audit
    print(json.dumps(said.to_json()) if as_json else said.text)


@app.command()
def figure(
    name: Annotated[str, typer.Argument(help="One of those that --list names.")] = "",
    out: Annotated[Path | None, typer.Option(help="A .svg, .pdf, .png or .html file.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Name every figure.")] = False,
) -> None:
    """Write a figure of the published results to a file."""
    from nmviz.views.published.catalogue import FIGURES, figure_named
    from nmviz.views.shared.figure_files import check_ending, write_figure

    if listed:
        print("\n".join(f"{one.name:24} {one.title}" for one in FIGURES.values()))
        return
    chosen = figure_named(name)
    if out is None:
        raise UserError(f"Say where the figure goes, such as --out {chosen.name}.svg.")
    check_ending(out)
    write_figure(chosen.draw(rows_of_published(chosen.selection)), out)
    print(f"{chosen.title}: written to {out}.")


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="One of those that --list names.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Name every benchmark.")] = False,
    as_json: Json = False,
) -> None:
    """Measure how fast something is here, as ratios in one run."""
    from nmviz.cli.benches import BENCHES

    if listed or not name:
        print("\n".join(f"{one.name:10} {one.title}" for one in BENCHES.values()))
        return
    rows = list(BENCHES.get(name).rows())
    if as_json:
        about = {"bench": name, "machine": machine(), "rows": [asdict(row) for row in rows]}
        print(json.dumps(about))
        return
    for row in rows:
        print(
            f"{row.case:52} {1000 * row.seconds:9.2f} ms ({1000 * row.low:.2f} to "
            f"{1000 * row.high:.2f})  {row.ratio:5.2f} x {row.against}"
        )


@store_app.command("build")
def store_build() -> None:
    """Create the database or bring its seeded rows up to date; your own runs stay."""
    with open_store() as store:  # the service's own is built before it is seen
        print(seed.build(store, again=True))


@store_app.command("verify")
def store_verify() -> None:
    """Recompute every key and every seeded row; status 1 when something does not agree."""
    with open_store() as store:
        problems = seed.verify(store)
    print("\n".join(problems) or "Every key and every seeded row agrees.")
    if problems:
        sys.exit(1)


def _one_line(error: Exception) -> str:
    """Our own sentence, or what typer says of a wrong option."""
    say = getattr(error, "format_message", None)
    return str(say() if say else error) or "see nmviz --help for the commands."


@store_app.command("import")
def store_import(
    file: Path,
    format: Annotated[
        Format, typer.Option(help="auto tells by what is in the file.")
    ] = Format.AUTO,
) -> None:
    """Add the results of FILE: an export of nmviz, lm-eval's JSON or a log of the authors' code."""
    print(import_file(service.store(), file, format))


@store_app.command("export")
def store_export(
    file: Path,
    everything: Annotated[bool, typer.Option("--all", help="Published results too.")] = False,
) -> None:
    """Write nmviz's own runs to FILE: .jsonl, which can be imported, or .csv, for reading."""
    print(export_file(service.store(), file, everything=everything))


def _follow(steps: Iterable[Progress], unit: str, *, kept: bool) -> Progress:
    """Show progress on stderr where a person watches, every note once, and give the last step; say
    what a stop leaves behind."""
    try:
        return _last(steps, unit)
    except KeyboardInterrupt:
        left = "what was whole by then is stored" if kept else "nothing was stored"
        print(f"nmviz: stopped; {left}.", file=sys.stderr)
        raise typer.Exit(STOPPED) from None


def _last(steps: Iterable[Progress], unit: str) -> Progress:
    last, noted = Progress("starting"), set[str | None]([None])
    with tqdm(unit=f" {unit}", disable=None, leave=False, file=sys.stderr) as bar:
        for last in steps:
            bar.total = last.total or None
            bar.set_description(last.stage, refresh=False)
            bar.update(last.done - bar.n)
            if last.note not in noted:
                noted.add(last.note)
                bar.write(f"nmviz: {last.note}", file=sys.stderr)
    return last


if __name__ == "__main__":
    main()
