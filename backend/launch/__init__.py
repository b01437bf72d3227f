"""The processes of a one-machine installation: embedded servers and the supervisor."""
