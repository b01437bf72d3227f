"""SQL of search. Used by its services alone."""
