"""The page. Gradio is imported here and nowhere else."""

from nmviz.base.stubs import write_no_stubs

write_no_stubs()
