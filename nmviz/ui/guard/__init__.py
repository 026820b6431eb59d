"""What stands in front of Gradio: the open addresses, and the form of what may be sent to each."""
