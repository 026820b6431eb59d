"""The button that pins a result into the tray, wherever one is shown."""

from nmviz.ui.shell.html import esc

PARAMETERS = ("tray", "tray_pair", "tray_part", "tray_at")
"""What of a link is the tray's; the script of the page writes it."""


def pin(*names: str, of: str) -> str:
    """A small button for one result, or for several at once; `of` says what it pins to who does not
    see where it stands. The script of the page presses it in while all of them are pinned."""
    return (
        f'<button type="button" class="pin" data-pin="{esc(" ".join(names))}" aria-pressed="false" '
        f'aria-label="Pin {esc(of)}" title="Pin it into the tray, to compare">pin</button>'
    )
