"""Wire shapes of signing in by a provider."""

from pydantic import BaseModel, ConfigDict


class ProviderOut(BaseModel):
    """A provider that one may sign in by."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"id": "example", "name": "Example Ltd"}}
    )

    id: str
    name: str


class LinkBegun(BaseModel):
    """Where the browser is to go to link an identity."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"url": "https://id.example.org/authorize?client_id=dms"}}
    )

    url: str
