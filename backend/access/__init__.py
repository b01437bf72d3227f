"""What an actor may see and do: the one filter."""
