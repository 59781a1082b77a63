"""A fault: lists that are shorter than they should be, and do not say so."""

import json

from starlette.responses import Response

from sandbox.lib.faults import Faults
from sandbox.lib.json_answer import EscapedJSON

OK = 200
# The length is another one now.
FRAMING = {"content-length", "content-type"}


def shortened(response: Response, faults: Faults, subject: str) -> Response:
    body = bytes(response.body)
    if response.status_code != OK or (b'"value": [' not in body and b'"value":[' not in body):
        return response
    if (fault := faults.draw("cut_list", subject)) is None:
        return response
    given = json.loads(body)
    given["value"] = given["value"][: fault["items"]]
    headers = {k: v for k, v in response.headers.items() if k not in FRAMING}
    return EscapedJSON(given, headers=headers)
