"""The tab Claims: the paper's claims as questions, each with its answer."""
