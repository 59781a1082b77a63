"""The page and its files."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"

# A mail is a stranger's HTML. It is shown in a sandboxed frame, which inherits this policy: it
# may style itself, but fetch nothing, run nothing and frame nothing.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


async def index(_: Request) -> Response:
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return FileResponse(STATIC / "index.html", headers=headers)


def routes() -> list[BaseRoute]:
    return [Route("/", index), Mount("/static", StaticFiles(directory=STATIC))]
