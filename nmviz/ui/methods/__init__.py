"""The tab Methods: what every pattern, criterion, mitigation and quantity means."""
