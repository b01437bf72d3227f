"""How the service runs on one machine: embedded servers and the supervisor of all its processes.

Vocabulary: the *installation* is what lives in one data directory; an *embedded server* is the real
PostgreSQL or Valkey out of a Python package, used where no address of another is given; a *child* is
a process of the *supervisor* (`dms up`), described by a `ChildSpec`; a *stage* is a child, or a task
that runs to its end, that others wait for when the service starts. Nothing here is needed where the
service is started by something else (containers, systemd).
"""
