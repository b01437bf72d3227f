"""Recovery: a new password for who forgot the old one, by a link that is sent by mail."""
