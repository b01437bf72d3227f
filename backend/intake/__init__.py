"""Ways in: what arrives by itself, in watched folders and mailboxes and from other mail servers, is filed.

Vocabulary. A *source* is a way in; what it brings is an *item*, and the items together are its *journal*. Each has a
*key*, by which it is known again: nothing is filed twice. *Rules* decide where an item goes and what is said of it.
Everything is filed *as* a person, with that person's rights, as if they had uploaded it. docs/adr/0023-ways-in.md.
"""
