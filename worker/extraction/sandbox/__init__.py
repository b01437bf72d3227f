"""Reading documents in processes of their own, so that a hostile one costs its own extraction and nothing else.

    worker process ──starts──▶ zygote ──forks──▶ reader, one per document, dies with it
          │                                         │ pixels
          └──────────starts──▶ OCR server ◀─────────┘

The *zygote* imports every format once and forks a *reader* per document: an interpreter that is warm after a few
milliseconds and in which no document meets another. The *OCR server* keeps the models, which cost seconds and most of
a gigabyte to load, and is shown nothing but pixels. Both lock themselves in (`confine`) before they take work.

`runner` is the worker's side; `wire` is what the processes say to each other.
"""
