"""What the page teaches with, made beforehand: it ships, and no model is loaded to show it."""
