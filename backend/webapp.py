"""Serving the built web application where no nginx stands in front."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_NOT_OURS = ("api/", "wopi/")
_IMMUTABLE = "public, max-age=31536000, immutable"


class _WebApplication(StaticFiles):
    """Static files; every other path is the application's own to route, and gets its page."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != 404 or path.startswith(_NOT_OURS) or "." in Path(path).name:
                raise
            response = FileResponse(Path(str(self.directory)) / "index.html")
        # Built files carry a hash in their names; the page that names them must always be fresh.
        hashed = path.startswith("assets/")
        response.headers["Cache-Control"] = _IMMUTABLE if hashed else "no-cache"
        return response


def mount_web_application(app: FastAPI, directory: Path) -> None:
    """Serve the web application from `/`, if it was built."""
    if (directory / "index.html").is_file():
        app.mount("/", _WebApplication(directory=directory, html=True), name="web")
