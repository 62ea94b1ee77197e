"""The claims of a night as rows of a table: statement, value, bound, and whether it holds."""

from collections.abc import Mapping
from typing import Any

from flows.nights import claims as claims


def claim_rows(summaries: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The claims about these studies; a failed study measures nothing, whatever its summary still holds."""
    measured = {study: {} if summary.get("state") == "failed" else summary for study, summary in summaries.items()}
    return [
        {
            "name": each.claim.name,
            "study": each.claim.study,
            "sentence": each.claim.sentence,
            "value": each.claim.write(each.value),
            "bound": each.claim.written_bound.replace("-", "−"),
            "measured": each.value is not None,
            "holds": each.holds,
            "source": each.claim.source,
        }
        for each in claims.results(measured)
    ]
