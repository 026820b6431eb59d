"""What `import nmviz` gives to scripts and notebooks: thin, over the service.

Functions take an `Experiment`, or its settings by name, and return frozen dataclasses. Each has
`to_frame()`, a pandas DataFrame of everything it says, and shows itself in a notebook. What a
person can mend is a `UserError` of one sentence.
"""
