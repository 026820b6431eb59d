"""Reports into files: one HTML, or a zip with everything that a paper takes."""

import io
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from nmviz.base.errors import UserError
from nmviz.core.results import Result
from nmviz.service.comparing.two_results import found
from nmviz.service.figures.asked import Named
from nmviz.service.reports.collecting import Collected, collect
from nmviz.service.reports.commands import commands
from nmviz.service.reports.composing import compose
from nmviz.service.reports.layer_files import layer_files
from nmviz.views.paper.figure_files import check_ending, figure_as, write_whole
from nmviz.views.paper.sheet import Sheet
from nmviz.views.report.page import page_of
from nmviz.views.shared.citing import bibtex
from nmviz.views.tables.writing import table_as

ENDINGS = ("html", "zip")
DRAWN, WRITTEN = ("pdf", "svg"), ("csv", "json", "tex")
BEGINNING = (1980, 1, 1, 0, 0, 0)  # equal reports are equal files
README = """What `nmviz report` wrote.

report.html      everything on one page, without a network: open it in a browser
figures/         each as .pdf and .svg, and the numbers that it draws as .csv; captions.txt
tables/          each as .csv, .json and .tex (needs booktabs)
model-explorer/  the layers of each result: NN-graph.json opens in Model Explorer, and the others
                 are node data to lay over it: errors of layers, drift, costs of parts alone
commands.sh      what measures the results and draws the figures again
citation.bib     nmviz, with the keys of the results, and the paper
provenance.json  where every result comes from: versions, machine, hashes, settings
"""


def write_report(names: Sequence[Named], out: Path, sheet: Sheet | None = None) -> Collected:
    """Write a report of these results, named as for `compare`; the ending of `out` says which.

    The file is whole or not there, and none is replaced. UserError, one sentence, for another
    ending, a file or folder that exists, a folder that cannot be written, and a result that is not
    stored or named twice.
    """
    ending = check_ending(out, ENDINGS, "A report")
    _check_free(out)
    collected = collect([found(one) for one in names])
    page = page_of(compose(collected)).encode()
    data = page if ending == "html" else _zipped(collected, page, sheet or Sheet())
    write_whole(data, out)
    return collected


def report_of(results: Sequence[Result]) -> str:
    """The HTML of a report of these results, for who saves it. UserError as for `collect`."""
    return page_of(compose(collect(results)))


def _check_free(out: Path) -> None:
    """What cannot be written is told before anything is drawn."""
    if out.exists():
        what = "folder" if out.is_dir() else "file"
        raise UserError(f"{out} is a {what} that exists: choose another name.")
    folder = out.absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{out} cannot be written: name a folder that exists and is yours.")


def _zipped(collected: Collected, page: bytes, sheet: Sheet) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _files(collected, page, sheet):
            archive.writestr(zipfile.ZipInfo(name, BEGINNING), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _files(collected: Collected, page: bytes, sheet: Sheet) -> Iterator[tuple[str, bytes]]:
    from nmviz.views.paper.printed import drawn_in  # matplotlib takes a while to load

    yield "README.txt", README.encode()
    yield "report.html", page
    captions = []
    for number, picture in enumerate(collected.pictures, 1):
        name = f"figures/{number:02}-{picture.name}"
        captions.append(f"{number:02}-{picture.name}: {picture.caption}")
        files, remarks = drawn_in(picture.figure, DRAWN, sheet, picture.caption)
        files["csv"], _ = figure_as(picture.figure, "csv", sheet)
        captions += [f"    {one}" for one in remarks]
        yield from ((f"{name}.{ending}", data) for ending, data in files.items())
    if captions:
        yield "figures/captions.txt", ("\n".join(captions) + "\n").encode()
    for number, table in enumerate(collected.tables, 1):
        for ending in WRITTEN:
            yield f"tables/{number:02}-{table.name}.{ending}", table_as(table, ending).encode()
    for number, one in enumerate(collected.results, 1):
        for kind, text in layer_files(one).items():
            yield f"model-explorer/{number:02}-{kind}.json", (text + "\n").encode()
    lines = commands(collected.results, collected.pictures)
    yield "commands.sh", ("\n".join(lines) + "\n").encode()
    yield "citation.bib", bibtex(*(one.key for one in collected.results)).encode()
    yield "provenance.json", _provenance(collected)


def _provenance(collected: Collected) -> bytes:
    told = [
        {
            "key": one.key,
            "experiment": one.experiment.to_json(),
            "provenance": one.provenance.model_dump(mode="json", exclude_none=True),
        }
        for one in collected.results
    ]
    return (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()
