"""`python -m backend.cli`: the `dms` command where it is not installed."""

from backend.cli import app

app()
