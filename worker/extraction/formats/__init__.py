"""One module per family of formats; see `worker.extraction.registry` for what each offers."""
