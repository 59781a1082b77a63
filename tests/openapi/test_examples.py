"""Every operation is asked with what the schema allows and with what it does not: its answers are
those that the schema lists, and of the form that it says."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.stack import TOKEN, Stack

pytestmark = pytest.mark.openapi

SEED = 17
EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
HEADERS = {"Authorization": f"Token {TOKEN}"}
# What they are asked about is gone afterwards, so they come last.
ENDINGS = ("/erase/", "/merge/", "/disconnect/")


def comes_last(operation: Any) -> bool:
    return bool(operation.method == "delete" or operation.path.endswith(ENDINGS))


def existing_ids(stack: Stack, path: str) -> list[Any]:
    """Of what the operation is about, where it is about one thing."""
    collection, _, after = path.removeprefix("/api").partition("{id}")
    if not after:
        return []
    return [row["id"] for row in stack.api("GET", collection)["results"]]


def with_existing_ids(case: Any, pick: Any, ids: list[Any]) -> Any:
    """Every other time about something that is there: else nothing but 404 would be answered."""
    if ids and pick % 2:
        case.path_parameters = {"id": ids[pick % len(ids)]}
    return case


def examples_of(operation: Any, ids: list[Any], ask: Callable[[Any], None]) -> Callable[[], None]:
    """A function that asks with examples of both kinds, the same ones every time."""
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.builds(partial(with_existing_ids, ids=ids), cases, st.integers(0, 99)))
    def asked(case: Any) -> None:
        ask(case)

    return asked


def test_no_answer_is_an_error_of_ours_or_another_than_the_schema_says(
    stack: Stack,
    viewer: str,  # noqa: ARG001 (with it comes something to look at)
    schema_path: Path,
) -> None:
    answers: list[int] = []

    def ask(case: Any) -> None:
        answer = case.call(base_url=stack.url, headers=HEADERS)
        answers.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    schema = schemathesis.openapi.from_path(schema_path)
    operations: list[Any] = [found.ok() for found in cast("Any", schema).get_all_operations()]
    for operation in sorted(operations, key=comes_last):
        examples_of(operation, existing_ids(stack, operation.path), ask)()
    assert len(answers) >= len(operations) * EXAMPLES // 2
    assert {200, 201, 400, 404} <= set(answers)
