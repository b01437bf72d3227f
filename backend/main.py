"""create_app(): mounts routers, error handlers and the lifespan; nothing else."""
