"""What the OpenAPI schema says beyond what drf-spectacular finds out: summaries, the refusals that
each operation can answer, and blanks where a choice may be blank."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

REFUSALS = {
    400: "Something in it cannot be taken: by field, what to change.",
    401: "The token or the session is missing, or not valid any more.",
    403: "The login belongs to no organization, or may only look.",
    404: "There is no such thing, or it is another organization's.",
    406: "Nothing but JSON is answered, and the Accept header does not take it.",
    409: "It is in a state that forbids it: the reason.",
    412: "It was changed since the version of the If-Match header: look again.",
    413: "The request is too large.",
    415: "The body is not JSON.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests: come again after the seconds of the Retry-After header.",
    503: "The database or the storage of files is away: come again after the seconds of the "
    "Retry-After header. Unless `detail` says that nothing was stored, it may have been: repeat "
    "with the same Idempotency-Key, or look before repeating.",
}
WITH_RETRY_AFTER = {429, 503}
# By a parameter's name or place, and the like.
REFUSALS_BY_WHAT_IS_TAKEN: dict[object, tuple[int, ...]] = {
    "anything": (401, 403, 406, 503),
    "requestBody": (400, 413, 415),
    "query": (400,),
    "path": (404,),
    "If-Match": (412,),
    "Idempotency-Key": (400, 422),
    "throttles": (429,),
}
SUMMARIES = {
    "list": "List {many}",
    "retrieve": "Look at one of the {many}",
    "create": "Add to the {many}",
    "update": "Replace one of the {many}",
    "partial_update": "Change one of the {many}",
    "destroy": "Remove one of the {many}",
}
# A list of objects with the fields' errors of each; or a number or name of an entry before them.
SENTENCES = {"type": "array", "items": {"type": "string"}}
FIELD_ERRORS = {
    "anyOf": [
        SENTENCES,
        {"type": "string"},
        {"type": "array", "items": {"type": "object", "additionalProperties": {}}},
        {"type": "object", "additionalProperties": {}},
    ],
}


class ProblemSerializer(serializers.Serializer[Any]):
    """A refusal as a whole."""

    detail = serializers.CharField(help_text="What is wrong, for people.")


class InvalidSerializer(serializers.Serializer[Any]):
    """Stands for the refusal of fields, whose names are those of what was sent."""


class DocumentedSchema(AutoSchema):
    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        answers = operation["responses"]
        stated = {int(code) for code in answers if code.startswith("4")}
        for code in sorted({*stated, *self.refusals(operation)}):
            answers[str(code)] = self.refusal(code)
        return operation

    def refusals(self, operation: dict[str, Any]) -> set[int]:
        """Returns the codes that follow from what an operation takes; views state their 409s."""
        taken: set[object] = {"anything"}
        for given in operation.get("parameters", ()):
            taken |= {given["in"], given["name"]}
        taken |= {"requestBody"} & set(operation)
        taken |= {"throttles"} if self.view.get_throttles() else set()
        return {code for what in taken for code in REFUSALS_BY_WHAT_IS_TAKEN.get(what, ())}

    def refusal(self, code: int) -> dict[str, Any]:
        form = InvalidSerializer if code == 400 else ProblemSerializer  # noqa: PLR2004
        answer: dict[str, Any] = self._get_response_for_code(  # type: ignore[no-untyped-call]
            OpenApiResponse(form, REFUSALS[code]), str(code)
        )
        if code in WITH_RETRY_AFTER:
            answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
        return answer

    def get_summary(self) -> str | None:
        action = getattr(self.view, "action", self.method.lower())
        own = getattr(getattr(self.view, action, None), "__doc__", None)
        if own:
            return str(own).partition(".")[0].partition(":")[0].replace("\n", " ")
        view: Any = self.view
        many = view.queryset.model._meta.verbose_name_plural  # noqa: SLF001
        return SUMMARIES[action].format(many=many)

    def _map_serializer(self, serializer: Any, direction: str, *args: Any, **kwargs: Any) -> Any:
        if isinstance(serializer, InvalidSerializer):
            return {"type": "object", "additionalProperties": FIELD_ERRORS}
        mapped = super()._map_serializer(  # type: ignore[no-untyped-call]
            serializer, direction, *args, **kwargs
        )
        if direction == "response" and "properties" in mapped:
            left_out = getattr(serializer, "left_out_when_blank", ())
            mapped["required"] = sorted(set(mapped["properties"]) - set(left_out))
        return mapped

    def _map_serializer_field(self, field: Any, direction: str, *args: Any, **kwargs: Any) -> Any:
        if isinstance(field, serializers.ChoiceField) and field.read_only:
            field.allow_blank = field.allow_blank or column_may_be_blank(field)
        return super()._map_serializer_field(  # type: ignore[no-untyped-call]
            field, direction, *args, **kwargs
        )


def column_may_be_blank(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    """Whether what a read-only field shows may be blank: DRF forgets it of those."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    columns = {column.name: column for column in model._meta.fields} if model else {}  # noqa: SLF001
    return bool(getattr(columns.get(field.source), "blank", False))


def complete_schema(result: dict[str, Any], **_more: Any) -> dict[str, Any]:
    """Lists the tags, and gives the choice "" a type and a name: generated clients need one."""
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    tags = {tag for operation in operations for tag in operation.get("tags", ())}
    result["tags"] = [{"name": tag} for tag in sorted(tags)]
    blank = result["components"]["schemas"].get("BlankEnum")
    if blank is not None:
        blank.update({"type": "string", "x-enum-varnames": ["BLANK"]})
    return result
