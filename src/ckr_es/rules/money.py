"""Money is integer kopecks everywhere; roubles appear only where people read a table."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

Kopecks = Annotated[int, Meta(ge=0, le=10**15)]


def thousand_roubles(kopecks: int) -> Decimal:
    """Exact, whatever the size: a text has no precision that an arithmetic context could cut."""
    return Decimal(f"{kopecks}E-5")
