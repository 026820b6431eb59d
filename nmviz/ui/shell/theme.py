"""The look of the page: quiet greys, one accent, the fonts the visitor's system has."""

import gradio as gr
from gradio.themes.utils import fonts, sizes

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

SETTINGS = {
    "body_background_fill": "#f7f8fa",
    "body_background_fill_dark": "#0f1419",
    "body_text_color": "#1f2933",
    "body_text_color_dark": "#e5e7eb",
    "body_text_color_subdued": "#5b6673",
    "body_text_color_subdued_dark": "#9aa5b1",
    "background_fill_primary": "#ffffff",
    "background_fill_primary_dark": "#171d24",
    "background_fill_secondary": "#f2f4f6",
    "background_fill_secondary_dark": "#1e252d",
    "border_color_primary": "#dfe3e8",
    "border_color_primary_dark": "#2d3640",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_shadow": "none",
    "block_padding": "0px",
    "block_label_text_weight": "600",
    "block_title_background_fill": "transparent",
    "block_title_background_fill_dark": "transparent",
    "block_title_padding": "0px",
    "block_title_text_weight": "600",
    "block_title_text_color": "*body_text_color",
    "block_title_text_color_dark": "*body_text_color",
    "block_info_text_color": "*body_text_color_subdued",
    "block_info_text_color_dark": "*body_text_color_subdued",
    "panel_border_width": "0px",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#11171d",
    "input_border_color": "#c9d0d8",
    "input_border_color_dark": "#3a4550",
    "input_padding": "6px 10px",
    "input_border_width": "1px",
    "input_border_color_focus": "#1f5f8b",
    "input_border_color_focus_dark": "#6cb6e6",
    "input_shadow_focus": "0 0 0 2px #1f5f8b33",
    "button_primary_background_fill": "#1f2933",
    "button_primary_background_fill_hover": "#36424f",
    "button_primary_text_color": "#ffffff",
    "button_primary_background_fill_dark": "#e5e7eb",
    "button_primary_background_fill_hover_dark": "#ffffff",
    "button_primary_text_color_dark": "#11171d",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_hover": "#f2f4f6",
    "button_secondary_background_fill_dark": "#1e252d",
    "button_secondary_background_fill_hover_dark": "#2a333d",
    "button_secondary_border_color": "#c9d0d8",
    "button_secondary_border_color_dark": "#3a4550",
    "button_border_width": "1px",
    "button_large_padding": "8px 14px",
    "button_small_padding": "4px 10px",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_dark": "transparent",
    "checkbox_label_padding": "4px 9px",
    "link_text_color": "#1f5f8b",
    "link_text_color_dark": "#7cc4f0",
}


def theme() -> gr.themes.Base:
    """Base, tuned. Plain Font objects: nothing is fetched from anywhere."""
    base = gr.themes.Base(
        primary_hue="slate",
        secondary_hue="slate",
        neutral_hue="slate",
        text_size=sizes.text_sm,
        spacing_size=sizes.spacing_sm,
        radius_size=sizes.radius_md,
        font=[fonts.Font(name) for name in SANS],
        font_mono=[fonts.Font(name) for name in MONO],
    )
    return base.set(**SETTINGS)
