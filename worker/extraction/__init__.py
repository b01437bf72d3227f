"""Text out of files: a plain library, run in bounded child processes."""
