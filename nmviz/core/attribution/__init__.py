"""What each part of a model costs pruned alone, and the control beside it."""
