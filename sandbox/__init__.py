"""A stranger's servers: what the providers would answer, on loopback.

Nothing here imports the product, so that a parser and the server it is tested against cannot
share a mistake. One folder per provider; everything beside the folders serves all of them.
"""

from .app import create_app, run
from .config import SandboxConfig

__all__ = ["SandboxConfig", "create_app", "run"]
