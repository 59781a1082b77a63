"""The page on which a person allows an application what it asks for."""

from collections.abc import Mapping, Sequence
from html import escape

from starlette.responses import HTMLResponse, Response

from sandbox.microsoft.model.users import User

# In the words of Microsoft's page.
MEANS: Mapping[str, str] = {
    "Calendars.ReadWrite": "Have full access to your calendars",
    "Calendars.Read": "Read your calendars",
    "Contacts.ReadWrite": "Have full access to your contacts",
    "Contacts.Read": "Read your contacts",
    "User.Read": "View your basic profile",
    "offline_access": "Maintain access to data you have given it access to",
}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 "Segoe UI",system-ui,sans-serif;margin:0;min-height:100vh;display:grid;
place-items:center;background:light-dark(#f2f2f2,#1b1a19);color:light-dark(#1b1b1b,#f3f2f1)}
main{box-sizing:border-box;width:min(440px,100vw - 24px);padding:36px;
background:light-dark(#fff,#252423);box-shadow:0 2px 6px #0003}
h1{font-size:1.5rem;font-weight:600;margin:0 0 .5rem}ul{padding-left:1.2rem}
p.note{color:light-dark(#605e5c,#c8c6c4);font-size:.875rem}
button{font:inherit;width:100%;padding:.65rem 1rem;margin:.25rem 0;border:1px solid transparent;
cursor:pointer;background:light-dark(#0067b8,#4ba0e1);color:light-dark(#fff,#000);text-align:left}
button small{display:block}button.no{background:none;border-color:currentColor;color:inherit}
button:focus-visible{outline:3px solid light-dark(#000,#fff);outline-offset:2px}
"""


def page(scopes: Sequence[str], users: Sequence[User], query: str) -> Response:
    asked = "".join(f"<li>{escape(MEANS[scope])}</li>" for scope in scopes if scope in MEANS)
    choices = "".join(
        f'<button name="user" value="{escape(user.id)}">Accept as {escape(user.name)}'
        f"<small>{escape(user.address)}</small></button>"
        for user in users
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Permissions requested</title><style>{STYLE}</style><main>"
        "<h1>Permissions requested</h1><p>This application would like to:</p>"
        f'<ul>{asked}</ul><form method="post" action="?{escape(query)}">{choices}'
        '<button class="no" name="user" value="">Cancel</button></form>'
        '<p class="note">A stand-in for Microsoft on this machine. Nobody’s real account is '
        "asked.</p></main></html>",
        headers={"content-security-policy": POLICY, "cache-control": "no-store"},
    )


def posting(uri: str, says: Mapping[str, str]) -> Response:
    """Returns the answer as a form; without a script, the person sends it on."""
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in says.items()
    )
    return HTMLResponse(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Working…</title>'
        f'<form method="post" action="{escape(uri)}">{fields}<button>Continue</button></form>'
        "<script>document.forms[0].submit()</script></html>",
        headers={"cache-control": "no-store"},
    )
