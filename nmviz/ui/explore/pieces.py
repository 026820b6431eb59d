"""Pieces that several panels are put together of."""

import gradio as gr


def chips(name: str, label: str, choices: list[tuple[str, str]]) -> gr.Radio:
    """A choice beside a heading, the first at first."""
    return gr.Radio(
        choices,
        value=choices[0][1],
        label=label,
        show_label=False,
        container=False,
        elem_classes="chips",
        elem_id=name,
    )


def cancel(name: str) -> gr.Button:
    """The button that stands in place of the one that began something, while that lasts."""
    return gr.Button("Cancel", variant="stop", visible=False, elem_id=name, min_width=0)


def plot(name: str) -> gr.Plot:
    """A figure, without a frame."""
    return gr.Plot(show_label=False, container=False, elem_id=name, elem_classes="figure")
