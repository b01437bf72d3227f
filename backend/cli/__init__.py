"""The `dms` command."""
