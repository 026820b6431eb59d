"""Plain data that every layer speaks: experiments, results, metrics, comparisons."""
