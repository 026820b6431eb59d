"""How the page is served: what each answer and each visitor costs, and what is the same for all."""
