"""What generators make of the schema works: clients of theirs make the main calls."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import TOKEN, Stack
from tests.openapi.conftest import HERE, NODE_MODULES, run_client, run_node

pytestmark = pytest.mark.openapi


def test_linters_find_nothing_wrong_with_the_schema(schema_path: Path) -> None:
    found = run_node("spectral", "lint", "--fail-severity=warn", schema_path)
    assert "No results with a severity of 'warn' or higher found" in found
    found = run_node("redocly", "lint", schema_path)
    assert "warning" not in found.partition("validating")[2]


def test_a_typescript_client_compiles_and_its_calls_are_answered_as_promised(
    stack: Stack, viewer: str, schema_path: Path, tmp_path: Path
) -> None:
    for name in ("client.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    run_node("openapi-typescript", schema_path, "-o", tmp_path / "schema.d.ts")
    run_node("tsc", "--project", tmp_path)
    node = shutil.which("node")
    assert node is not None
    said = run_client(
        [node, "build/client.js"], tmp_path, [stack.url, TOKEN, viewer, "ts@guests.example"]
    )
    assert "as promised" in said


def test_a_python_client_makes_the_same_calls(
    stack: Stack, viewer: str, python_client: Path
) -> None:
    said = run_client(
        [sys.executable, HERE / "python_client.py"],
        python_client,
        [stack.url, TOKEN, viewer, "py@guests.example"],
    )
    assert "as promised" in said
