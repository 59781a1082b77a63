"""The page on which a person says yes or no."""

import html
from collections.abc import Sequence
from typing import Any

from starlette.responses import HTMLResponse, Response

from sandbox.google.model.accounts import Account

from .scopes import SCOPES

Json = dict[str, Any]

# No form-action: browsers would apply it to the way back to the product as well.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
STYLE = """
:root { color-scheme: light dark; --paper: #faf9f7; --sheet: #fff; --ink: #211d2b; --soft: #6a6475;
  --line: #e7e3dd; --accent: #6544e0; --on: #fff; }
@media (prefers-color-scheme: dark) { :root { --paper: #16141b; --sheet: #1d1a24; --ink: #ece9f2;
  --soft: #a29cb0; --line: #322e3c; --accent: #ab97ff; --on: #17122b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.25rem;
  background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; background: var(--sheet); border: 1px solid var(--line);
  border-radius: 16px; padding: 2rem; display: grid; gap: 1.5rem; }
h1 { margin: 0; font: 600 1.4rem/1.25 "Iowan Old Style", Palatino, Georgia, serif; }
p { margin: 0; color: var(--soft); }
fieldset { border: 0; margin: 0; padding: 0; display: grid; gap: .6rem; }
legend { font-weight: 600; padding: 0; margin-bottom: .6rem; }
label { display: grid; grid-template-columns: auto 1fr; gap: .75rem; align-items: start; }
label span { color: var(--soft); }
input { accent-color: var(--accent); margin: .3rem 0 0; width: 1rem; height: 1rem; }
footer { display: flex; justify-content: end; gap: .6rem; }
button { font: inherit; padding: .5rem 1.3rem; border-radius: 8px; border: 1px solid var(--line);
  background: none; color: inherit; cursor: pointer; }
button.yes { background: var(--accent); border-color: var(--accent); color: var(--on);
  font-weight: 600; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
"""


def page(
    asked: Json, scopes: Sequence[str], accounts: Sequence[Account], *, action: str
) -> Response:
    hidden = "".join(
        f'<input type="hidden" name="asked.{_(name)}" value="{_(value)}">'
        for name, value in asked.items()
    )
    chosen = asked.get("login_hint") or accounts[0].email
    choices = "".join(_account(account, checked=account.email == chosen) for account in accounts)
    boxes = "".join(_scope(scope) for scope in scopes if SCOPES.get(scope))
    return _document(
        f"""<form method="post" action="{_(action)}"><main>{hidden}
<header><h1>An app wants to access your Google Account</h1>
<p>This is the sandbox: no real account is touched.</p></header>
<fieldset><legend>Account</legend>{choices}</fieldset>
<fieldset><legend>What it may do</legend>{boxes or "<p>See who you are.</p>"}</fieldset>
<footer><button name="decision" value="deny">Deny</button>
<button class="yes" name="decision" value="allow">Allow</button></footer></main></form>"""
    )


def problem(text: str) -> Response:
    return _document(
        f"<main><h1>Access blocked</h1><p>{_(text)}</p></main>",
        status=401 if "invalid_client" in text else 400,
    )


def _account(account: Account, *, checked: bool) -> str:
    mark = " checked" if checked else ""
    return (
        f'<label><input type="radio" name="account" value="{_(account.email)}"{mark}>'
        f"<div>{_(account.name)}<br><span>{_(account.email)}</span></div></label>"
    )


def _scope(scope: str) -> str:
    return (
        f'<label><input type="checkbox" name="scope" value="{_(scope)}" checked>'
        f"<div>{_(SCOPES[scope])}</div></label>"
    )


def _document(body: str, status: int = 200) -> Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Sign in · Google sandbox</title><style>{STYLE}</style></head>"
        f"<body>{body}</body></html>"
    )
    headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
    return HTMLResponse(text, status, headers)


def _(text: Any) -> str:
    return html.escape(str(text))
