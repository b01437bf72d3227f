"""Celery workers: the jobs that need not happen before the answer.

`app` is the Celery application, `runtime` what a worker process holds open, `tasks` one thin module per domain,
`extraction` the library that reads text out of files.
"""
