"""`dms openapi`."""

import json

import typer

from backend.main import create_app


def openapi() -> None:
    """Print the OpenAPI document."""
    typer.echo(json.dumps(create_app().openapi(), indent=2, ensure_ascii=False))
