"""The control API and the page."""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

import sandbox
from sandbox.lib.state import Shelf
from tests.sandbox.conftest import Api, mail
from tests.sandbox_server import SandboxServer

PACKAGE = Path(sandbox.__file__).parent
STRANGERS = {
    "cryptography",
    "dateutil",
    "icalendar",
    "jsonschema",
    "phonenumbers",
    "requests",
    "starlette",
    "uvicorn",
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
    return found


def test_the_sandbox_imports_nothing_of_the_product() -> None:
    for path in PACKAGE.rglob("*.py"):
        for name in imported(path):
            own = name.startswith("sandbox")
            assert own or name.partition(".")[0] in STRANGERS | sys.stdlib_module_names, path


def test_the_overview_counts(api: Api, sandbox: SandboxServer) -> None:
    api.send()
    overview = sandbox.control("GET", "/")["resend"]
    assert overview["counters"]["mails"] == 1
    sandbox.control("POST", "/reset")
    assert sandbox.control("GET", "/")["resend"]["counters"].get("mails", 0) == 0


def test_the_statistics_show_who_was_written_to_twice(api: Api, sandbox: SandboxServer) -> None:
    for to in ("a@example.com", "b@example.com", "A <A@example.com>"):
        api.send(to=to, tags=[{"name": "message", "value": to[0]}])
    stats = sandbox.control("GET", "/resend/stats?tag=message")
    assert stats["repeated"] == {"a@example.com": 2}
    assert stats["tags"] == {"a": 1, "b": 1, "A": 1}


def test_a_mailbox_shows_both_directions(api: Api, sandbox: SandboxServer) -> None:
    sent = api.send().json()["id"]
    sandbox.control("POST", f"/resend/emails/{sent}/reply", {"text": "Yes"})
    box = sandbox.control("GET", "/resend/mailboxes")["mailboxes"][0]
    assert (box["address"], box["unread"], box["replies"]) == ("amelia@example.com", 1, 1)
    entries = sandbox.control("GET", "/resend/mailboxes/amelia@example.com")["entries"]
    assert {entry["direction"] for entry in entries} == {"to them", "from them"}
    sandbox.control("PATCH", f"/resend/emails/{sent}", {"seen": True})
    assert sandbox.control("GET", "/resend/mailboxes")["mailboxes"][0]["unread"] == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/resend/faults", {"nonsense": {}}),
        ("PUT", "/resend/faults", {"status": {"status": 200}}),
        ("PUT", "/resend/faults", {"status": {"mode": "never"}}),
        ("PUT", "/resend/faults", {"latency": {"count": 0}}),
        ("PUT", "/resend/faults", {"latency": {"chance": 2}}),
        ("PUT", "/resend/faults", {"latency": []}),
        ("PATCH", "/resend", {"webhook_secret": "whsec_"}),
        ("PATCH", "/resend", {"rate_per_second": 0}),
        ("PATCH", "/resend", {"colour": "blue"}),
        ("POST", "/resend/inbound", {"from": "a@example.com"}),
        ("POST", "/resend/inbound", {"from": "a@example.com", "to": {}, "headers": 3}),
    ],
)
def test_what_makes_no_sense_is_explained(
    sandbox: SandboxServer, method: str, path: str, body: Any
) -> None:
    answer = requests.request(method, f"{sandbox.url}/control{path}", json=body, timeout=5)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_another_site_cannot_use_the_control_api(sandbox: SandboxServer) -> None:
    headers = {"origin": "https://evil.example"}
    answer = requests.post(f"{sandbox.url}/control/reset", headers=headers, timeout=5)
    assert answer.status_code == 403


def test_a_named_fault_is_changed_without_touching_the_others(sandbox: SandboxServer) -> None:
    sandbox.control("PUT", "/resend/faults", {"latency": {"seconds": 1}, "webhook_drop": {}})
    sandbox.control("PATCH", "/resend/faults", {"webhook_drop": None, "hang": {"seconds": 1}})
    assert set(sandbox.control("GET", "/resend/faults")["faults"]) == {"latency", "hang"}


def test_the_page_lets_a_mail_do_nothing(sandbox: SandboxServer) -> None:
    answer = requests.get(sandbox.url, timeout=5)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    for name in ("main.js", "phones.js", "style.css"):
        assert requests.get(f"{sandbox.url}/static/{name}", timeout=5).status_code == 200


def test_a_body_over_forty_megabytes_is_refused(api: Api) -> None:
    answer = api("POST", "/emails", mail(text="x" * (41 * 1024 * 1024)))
    assert answer.status_code == 413
    assert answer.json()["statusCode"] == 413


def test_a_shelf_drops_the_oldest() -> None:
    shelf: Shelf[str] = Shelf(max_items=3, max_bytes=100)
    for name in "abcd":
        shelf.put(name, name, 10)
    assert (list(shelf.newest()), shelf.evicted) == (["d", "c", "b"], 1)
    shelf.put("e", "e", 90)
    assert list(shelf.newest()) == ["e", "d"]
