"""``python -m sandbox``"""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from .app import run
from .config import SandboxConfig

# Those that are no text, and how they are read.
KINDS: dict[str, dict[str, Any]] = {
    "resend_domains": {"action": "append", "dest": "resend_domains", "default": []},
    "rate_per_second": {"type": int},
    "whatsapp_rate_per_second": {"type": int},
    "receipt_delay": {"type": float},
    "retry_factor": {"type": float},
}
# Given once per domain.
SPELLINGS = {"resend_domains": "--resend-domain"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8025)
    parser.add_argument("--state", type=Path, metavar="FILE")
    for option in fields(SandboxConfig):
        spelling = SPELLINGS.get(option.name, f"--{option.name.replace('_', '-')}")
        parser.add_argument(spelling, **{"default": option.default, **KINDS.get(option.name, {})})
    return parser.parse_args()


def main() -> None:
    given = vars(arguments())
    host, port, state = given.pop("host"), given.pop("port"), given.pop("state")
    given["resend_domains"] = tuple(given["resend_domains"])
    run(SandboxConfig(**given), host, port, state)


if __name__ == "__main__":
    main()
