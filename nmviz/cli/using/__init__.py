"""The page in use, as `nmviz bench` measures it: visitors, actions, a page of its own."""
