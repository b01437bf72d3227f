"""The `dms` command: one module per group of subcommands."""

from backend.cli.main import app

__all__ = ["app"]
