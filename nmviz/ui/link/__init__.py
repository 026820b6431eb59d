"""What the link of the page carries beside the settings of Explore."""
