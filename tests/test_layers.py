"""Who may import whom. An app knows what stands to its left, a layer what lies below it.

lib  <-  communications  <-  calendars  <-  health          sandbox: knows none of them
"""

import ast
import graphlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
UNITS = ("wedsync_comms", "communications", "calendars", "health", "sandbox")

# Inside communications, lowest first.
LAYERS = (
    ("statuses", "events", "segments", "names", "numbers", "lookup"),
    ("providers",),
    ("models",),
    ("broadcast", "hub", "notices"),
    (
        "book",
        "catalogue",
        "claim",
        "compose",
        "consent",
        "contacts",
        "conversations",
        "decisions",
        "departures",
        "dispatch",
        "dispatcher",
        "drafts",
        "endpoint",
        "fallback",
        "gate",
        "inbound",
        "ingest",
        "ladder",
        "quiet",
        "prune",
        "receipts",
        "reconcile",
        "record",
        "routes",
        "settle",
        "settling",
        "unsubscribe",
        "window",
    ),
    (
        "tasks",
        "webhooks",
        "api",
        "views",
        "public",
        "consumers",
        "routing",
        "admin",
        "urls",
        "checks",
        "apps",
        "management",
    ),
)
# Inside calendars, lowest first.
CALENDARS = (
    ("events", "refusals", "zones"),
    ("providers",),
    ("models",),
    ("merge", "plans"),
    (
        "absorb",
        "acting",
        "availability",
        "booking",
        "cards",
        "changing",
        "contact_books",
        "contact_matching",
        "contact_reading",
        "contact_removing",
        "contact_sync",
        "contact_writing",
        "contents",
        "deciding",
        "defaults",
        "freebusy",
        "grants",
        "ics",
        "invitees",
        "lanes",
        "linking",
        "mailboxes",
        "notices",
        "notify",
        "polling",
        "pushes",
        "record",
        "repeating",
        "soon",
        "spans",
        "subscriptions",
        "sync",
        "writing",
    ),
    ("tasks", "webhooks", "api", "views", "admin", "urls", "checks", "apps", "management"),
)

# Inside health, lowest first: words, rows, what is read and done, what is shown.
HEALTH = (
    ("events", "histogram", "advice", "messenger"),
    ("models", "channels"),
    (
        "actions",
        "alerts",
        "calendar_conditions",
        "calendar_rules",
        "conditions",
        "counting",
        "evaluator",
        "failures",
        "forgeries",
        "incidents",
        "linked",
        "machine",
        "observing",
        "probes",
        "queue",
        "rollups",
        "rule",
        "rules",
        "silence",
        "standing",
        "summary",
        "traffic",
        "vendors",
    ),
    (
        "admin",
        "api",
        "apps",
        "calendar_metrics",
        "checks",
        "metrics",
        "samples",
        "stream",
        "tasks",
        "urls",
        "views",
    ),
)

APPS = {"communications": LAYERS, "calendars": CALENDARS, "health": HEALTH}
LAYER_OF = {
    app: {unit: layer for layer, units in enumerate(layers) for unit in units}
    for app, layers in APPS.items()
}
WRITES = {
    "create",
    "bulk_create",
    "update_or_create",
    "get_or_create",
    "bulk_update",
    "update",
    "delete",
}

Import = tuple[str, int]


def modules(package: str) -> list[Path]:
    return [one for one in (ROOT / package).rglob("*.py") if "migrations" not in one.parts]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[Import]:
    """Every module it imports, by its full name, with the line."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((one, node.lineno) for one in imported_from(node, package))


def imported_from(node: ast.ImportFrom, package: str) -> Iterator[str]:
    """`from a import b`: b where it is a module, else a."""
    parts = package.split(".")
    start = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
    base = ".".join(part for part in (start, node.module) if part)
    for alias in node.names:
        full = f"{base}.{alias.name}"
        yield full if is_module(full) else base


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def within(name: str, *packages: str) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in packages)


def offences(paths: list[Path], *forbidden: str) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in paths
        for name, line in imports(path)
        if within(name, *forbidden)
    ]


def unit_of(name: str) -> str:
    """`communications.api.views` belongs to `api`."""
    return name.split(".")[1] if name.count(".") else ""


def test_lib_knows_no_app() -> None:
    project = [
        path
        for path in modules("wedsync_comms/lib")
        for name, _ in imports(path)
        if within(name, "wedsync_comms") and not within(name, "wedsync_comms.lib")
    ]

    assert project == []
    assert offences(modules("wedsync_comms/lib"), "communications", "calendars", "health") == []


def test_the_sandbox_is_a_stranger() -> None:
    ours = ("wedsync_comms", "communications", "calendars", "health", "django")

    assert offences(modules("sandbox"), *ours) == []


def test_communications_knows_nothing_to_its_right() -> None:
    assert offences(modules("communications"), "calendars", "health") == []


def test_calendars_know_nothing_to_their_right() -> None:
    assert offences(modules("calendars"), "health") == []


@pytest.mark.parametrize("app", APPS)
def test_every_module_has_a_layer(app: str) -> None:
    units = {unit_of(name_of(path)) for path in modules(app)} - {""}

    assert units <= set(LAYER_OF[app])


@pytest.mark.parametrize(("app", "unit"), [(app, unit) for app in APPS for unit in LAYER_OF[app]])
def test_it_imports_only_downward_or_beside(app: str, unit: str) -> None:
    layer_of = LAYER_OF[app]
    upward = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules(app)
        if unit_of(name_of(path)) == unit
        for name, line in imports(path)
        if within(name, app) and layer_of.get(unit_of(name), 0) > layer_of[unit]
    ]

    assert upward == []


@pytest.mark.parametrize("package", UNITS)
def test_nothing_imports_in_a_circle(package: str) -> None:
    graph = {
        name_of(path): {
            name for name, _ in imports(path) if within(name, package) and name != name_of(path)
        }
        for path in modules(package)
    }

    # A package that only gathers what its modules hold is no circle of its own.
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"A circle: {' -> '.join(error.args[1])}")


def test_of_the_project_health_knows_the_library_only() -> None:
    others = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules("health")
        for name, line in imports(path)
        if within(name, "wedsync_comms") and not within(name, "wedsync_comms.lib")
    ]

    assert others == []


def test_health_observes_and_never_steers() -> None:
    """Who judges must not act: only a person's verbs may pause, resume, retry or replay."""
    judging = [
        one for one in modules("health") if unit_of(name_of(one)) not in {"actions", "admin"}
    ]
    steering = ("decisions", "dispatch", "dispatcher", "claim", "record", "compose")

    assert offences(judging, *(f"communications.{one}" for one in steering)) == []


@pytest.mark.parametrize("app", ["communications", "calendars"])
def test_providers_know_no_models_and_no_settings(app: str) -> None:
    providers = [one for one in modules(f"{app}/providers") if one.stem != "registry"]

    assert providers
    forbidden = ("communications.models", "calendars.models", "django.conf", "django.db")
    assert offences(providers, *forbidden) == []


@pytest.mark.parametrize("app", APPS)
def test_edges_write_nothing_themselves(app: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} writes: {ast.unparse(node.func)}(…)"
        for path in modules(app)
        if unit_of(name_of(path)) in APPS[app][-1]
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and is_write(node)
    ]

    assert found == []


def is_write(call: ast.Call) -> bool:
    """`X.objects….create()`, `.update()` of a queryset, `.save()` of anything but a serializer."""
    if not isinstance(call.func, ast.Attribute):
        return False
    on, verb = ast.unparse(call.func.value), call.func.attr
    if verb == "save":
        is_dry = any(one.arg == "commit" for one in call.keywords)
        return on not in {"serializer", "super()"} and not is_dry
    return verb in WRITES and (".objects" in on or ".filter(" in on)


@pytest.mark.parametrize("package", UNITS)
def test_imports_stand_at_the_top(package: str) -> None:
    """Those of an app's `ready` cannot: Django's own way to register what must be imported late."""
    inside = [
        f"{path.relative_to(ROOT)}:{inner.lineno}"
        for path in modules(package)
        if path.name != "apps.py"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]

    assert inside == []
