"""How the service itself is doing: health, readiness, metrics."""
