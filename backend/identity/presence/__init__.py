"""Where people are signed in, and in which organisation: their sessions, ending them, switching."""
