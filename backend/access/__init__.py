"""Who may do what: policies, grants, and the one filter that everything passes through.

A *principal* is a user or a group. An *action* is something that can be done, a *resource* the folder or the document
it is done to. A *grant* gives a principal a set of actions, or takes it, on one folder or document; a *policy* is a
document of *statements*, attached to principals. Both compile into *rules*, and nothing but rules decides: Deny wins
wherever it stands, and where nothing matches the answer is no (docs/adr/0015-access.md).
"""
