"""The command line. `nmviz run --json` and the other names and flags are a contract."""

import sys
from typing import Annotated

import typer

from nmviz.base.errors import UserError
from nmviz.base.starting import quick_start
from nmviz.cli import (
    assistants,
    attribute,
    bench,
    compare,
    cost,
    listings,
    plan,
    prune,
    published,
    run,
    store,
    sweep,
    together,
)
from nmviz.cli.options import STOPPED
from nmviz.cli.paper import figure, report
from nmviz.core.running import DEVICE

USER_MISTAKE = 2  # exit status for what the user can mend

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.add_typer(store.app, name="store")


@app.command("app")
def serve_app(
    host: str = "127.0.0.1",
    port: int = 7860,
    device: Annotated[
        str, typer.Option(help=f"Where it computes: cpu, cuda or mps; {DEVICE} says it too.")
    ] = "",
    memory: Annotated[
        str | None,
        typer.Option(
            help="What the process may take in all, such as 4GiB; else what is free. A model that "
            "does not fit is run block by block."
        ),
    ] = None,
) -> None:
    """Serve the page."""
    quick_start()
    from nmviz.ui.launch import serve

    serve(host=host, port=port, device=device, memory=memory)


for _command in (
    *(sweep.sweep, run.run, prune.prune, attribute.attribute, plan.plan, compare.compare),
    *(cost.cost, together.together, listings.methods, listings.models, listings.tasks),
    *(published.audit, figure.figure, report.table, report.report, bench.bench, assistants.mcp),
):
    app.command()(_command)


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


def _one_line(error: Exception) -> str:
    """Our own sentence, or what typer says of a wrong option."""
    say = getattr(error, "format_message", None)
    return str(say() if say else error) or "see nmviz --help for the commands."


if __name__ == "__main__":
    main()
