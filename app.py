"""Entry of a hosted page; `nmviz app` serves the same one."""

import os
import sys

from nmviz.base.errors import UserError
from nmviz.base.starting import quick_start

if __name__ == "__main__":
    quick_start()
    from nmviz.ui.launch import serve

    try:
        serve(
            host=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
            port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")),
        )
    except UserError as error:
        sys.exit(f"nmviz: {error}")
