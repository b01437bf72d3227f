"""Documents, their versions, uploads and downloads."""
