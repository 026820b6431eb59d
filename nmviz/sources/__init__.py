"""Where models, texts and tasks come from: pinned wheels, the model hub, folders and files."""
