"""What the page teaches with: small exact pieces of a model that fit into a browser."""
