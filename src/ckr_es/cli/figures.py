"""`ckr kpi`: the KPI table for any day, as known at any moment."""

import rich_click as click

from ckr_es.cli.terminal import as_json


@click.command(short_help="Таблица показателей на дату.")
@as_json
def kpi(as_json: bool) -> None:
    """Таблица показателей."""
