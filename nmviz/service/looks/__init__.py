"""Looks at every layer of a pruned model, kept beside its result: made, stored and shown."""
