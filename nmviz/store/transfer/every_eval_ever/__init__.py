"""Records of Every Eval Ever (evaleval/every_eval_ever), the shared form of evaluation results: in,
and out again.

A record is one evaluation of one model. Ours keep the whole experiment beside the model, so that
what is read back is the same experiment; of others it is the dense model that they name, asked in a
way that is not known. Accuracies of others are kept, and any metric that is named as ours is.

Written is version 0.3.0 of the schema, read are 0.2 and 0.3. A number has to say whether lower is
better, so what has no better way (shares of ties, spreads) is not written, nor what is only known
to lie beyond a limit. Records of single examples are neither written nor read.
"""

VERSION = "0.3.0"
"""What is written."""
OURS, EXPERIMENT = "nmviz.", "nmviz_experiment"
"""What our metrics begin with, and the detail of the model that has the experiment."""
UNKNOWN_LIBRARY = "unknown"
"""What is said of a program that is not known."""
UNBOUNDED = {"Infinity": float("inf"), "-Infinity": float("-inf")}
"""How an end that there is not is written."""
