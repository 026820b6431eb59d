"""What every tab is made of: theme, HTML, figures, sessions, what a visitor may ask."""
