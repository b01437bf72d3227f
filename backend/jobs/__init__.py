"""Jobs that failed: tasks that were tried as often as they may be, and what is to become of them.

Vocabulary. A *job* is a task with its arguments, whatever the number of its messages. It *fails* when nobody tries it
again by itself: its last retry raised, its time limit ended it, or its workers died of it too often. The workers record
that for every task there is (`worker/jobs.py`); who keeps leases on things of its own records what it gives up. An
administrator *runs it again* or *dismisses* it. docs/adr/0020-jobs.md.
"""
