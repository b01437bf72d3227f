"""Celery workers: the jobs that need not happen before the answer."""
