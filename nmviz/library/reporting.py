"""Reports from a script."""

from pathlib import Path
from typing import Any

from nmviz.library.comparing import Named, named
from nmviz.service.reports.writing import write_report
from nmviz.views.paper.sheet import sheet_from


def report(*of: Named, out: str | Path, **sheet: Any) -> Path:
    """Write a report of one to six results, named as for `compare`: one .html file that needs
    nothing else, or a .zip with figures, tables, command lines, BibTeX and provenance. Gives its
    path; `sheet` is that of the zip's figures, as for `figure`.

    UserError for a file or folder that exists, another ending, and a result that is not stored.
    """
    place = Path(out)
    write_report([named(one) for one in of], place, sheet_from(sheet))
    return place
