"""What import-linter cannot ask of the structure; its contracts are in pyproject.toml."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("wedsync_comms", "communications", "calendars", "health")
# What the outside world calls: it parses, calls one verb and answers.
EDGES = {
    "communications": ("admin", "api", "checks", "management", "pages", "tasks"),
    "calendars": ("admin", "api", "tasks"),
    "health": ("admin", "api", "checks", "metrics", "tasks", "views"),
}
EDGE_MODULES = ("consumers", "webhook_view", "websocket_auth")
WRITES = {
    "create",
    "bulk_create",
    "update_or_create",
    "get_or_create",
    "bulk_update",
    "update",
    "delete",
}


@cache
def trees_of(package: str) -> dict[Path, ast.Module]:
    return {
        path: ast.parse(path.read_text())
        for path in (ROOT / package).rglob("*.py")
        if "migrations" not in path.parts
    }


def is_edge(path: Path, app: str) -> bool:
    unit = path.relative_to(ROOT / app).parts[0].removesuffix(".py")
    return unit in EDGES[app] or path.stem in EDGE_MODULES


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def is_write(call: ast.Call) -> bool:
    """`X.objects….create()`, `.update()` of a queryset, `.save()` of anything but a serializer."""
    if not isinstance(call.func, ast.Attribute):
        return False
    on, verb = ast.unparse(call.func.value), call.func.attr
    if verb == "save":
        is_dry = any(keyword.arg == "commit" for keyword in call.keywords)
        return on not in {"serializer", "super()"} and not is_dry
    return verb in WRITES and (".objects" in on or ".filter(" in on)


@pytest.mark.parametrize("app", EDGES)
def test_edges_write_nothing_themselves(app: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{call.lineno} writes: {ast.unparse(call.func)}(…)"
        for path, tree in trees_of(app).items()
        if is_edge(path, app)
        for call in calls(tree)
        if is_write(call)
    ]

    assert found == []


@pytest.mark.parametrize("app", ["communications", "calendars"])
def test_providers_know_no_settings_and_no_database(app: str) -> None:
    """import-linter sees other packages only as a whole, and providers may use Django's mail."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {node.module}"
        for path, tree in trees_of(app).items()
        if "providers" in path.parts and path.stem != "registry"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith(("django.conf", "django.db"))
    ]

    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_stand_at_the_top(package: str) -> None:
    """Those of an app's `ready` cannot: Django's own way to register what must be imported late."""
    inside = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path, tree in trees_of(package).items()
        if path.name != "apps.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert inside == []
