"""Signatures, computed once more from the providers' documents."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.webhooks.signing import (
    hub_headers,
    twilio_signature,
)

CALL = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}


def independent(token: str, url: str, fields: list[tuple[str, str]]) -> str:
    signed = url
    for name in sorted({name for name, _ in fields}):
        for value in sorted({value for other, value in fields if other == name}):
            signed += name + value
    return base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()


@pytest.mark.parametrize(
    ("number", "signature"),
    [
        ("+14158675309", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("+12349013030", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="),
    ],
)
def test_twilios_own_examples(number: str, signature: str) -> None:
    fields = {**CALL, "From": number, "Caller": number}
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert twilio_signature("12345", url, fields.items()) == signature


FIELDS = st.lists(
    st.tuples(st.sampled_from(["Body", "body", "To", "MediaUrl0", "Z", "a"]), st.text(max_size=8)),
    max_size=8,
)


@given(fields=FIELDS, query=st.sampled_from(["", "?m=1", "?a=%20b&c=%C3%A4"]))
def test_names_sort_by_case_values_count_once_and_blanks_count(
    fields: list[tuple[str, str]], query: str
) -> None:
    url = "http://127.0.0.1:8000/hook" + query
    assert twilio_signature("t", url, fields) == independent("t", url, fields)
    assert twilio_signature("t", url, reversed(fields)) == independent("t", url, fields)
    assert twilio_signature("t", url + "#rc=2", fields) == independent("t", url, fields)


def test_metas_signature_is_over_the_bytes() -> None:
    body = b'{"name":"Am\\u00e9lie"}'
    headers = hub_headers("secret", body)
    expected = hmac.new(b"secret", body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
