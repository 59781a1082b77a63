"""Rows of many parties, so ordered that each party has its turn."""

from collections.abc import Sequence
from typing import TypeVar, cast

from django.db.models import F, Model, QuerySet, Window
from django.db.models.expressions import OrderBy
from django.db.models.functions import Random, RowNumber

M = TypeVar("M", bound=Model)


def in_turns(rows: QuerySet[M], *parties: str, first: Sequence[OrderBy]) -> QuerySet[M]:
    """Returns the first row of each party, then the second of each, and so on.

    `parties` are the columns that tell one party from another, and `first` says in which order a
    party's own rows come. Whose comes first is left to chance: where fewer are taken than there are
    parties, an order would be the same each time. For what is looked up now and then; who takes
    turns all the time remembers them (`lib.fair_share`).
    """
    turn = Window(RowNumber(), partition_by=[F(party) for party in parties], order_by=list(first))
    return cast("QuerySet[M]", rows.annotate(turn=turn)).order_by("turn", Random())
