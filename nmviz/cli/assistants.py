"""`nmviz mcp`: tools for an assistant."""


def mcp() -> None:
    """Give an assistant nmviz's functions as tools of the Model Context Protocol, over stdin and
    stdout."""
    from nmviz.library.tools import server

    server().run("stdio")
