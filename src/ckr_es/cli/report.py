"""`ckr report`: the reports of a quarter or a year, and what has moved since, as files."""

import os
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from ckr_es.cli.figures import catch_up, following
from ckr_es.cli.terminal import as_json, existing_database, help_option, note, put_json

if TYPE_CHECKING:
    from ckr_es.projections.log import Session
    from ckr_es.reports.report import LogReport

PARTS = ("kpi", "supported", "services", "clusters")

_version = click.option(
    "--version", type=click.IntRange(1, 2**31), metavar="N", help="Закрытая версия; обычно последняя."
)
out_option = click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="ФАЙЛ",
    required=True,
    help="Куда записать.",
)
_draft = click.option(
    "--draft", is_flag=True, help="Черновик по всему, что записано, даже если период закрыт."
)
_part = click.option(
    "--part", "parts", type=click.Choice(PARTS), multiple=True, help="Раздел; можно несколько, обычно все."
)


def form_option(*forms: str) -> Callable[[Any], Any]:
    return click.option("--format", "form", type=click.Choice(forms), required=True, help="Формат файла.")


@click.group(short_help="Отчёты за квартал и год, уточнения, выписки.")
@help_option
def report() -> None:
    """Отчёты за квартал и год (концепция, раздел 8, строки 11 и 12), уточнения к ним, выписки об участниках."""


@report.command(short_help="Отчёт за квартал.")
@click.argument("label", metavar="ГГГГ-QN")
@form_option("xlsx", "pdf", "json")
@out_option
@_version
@_draft
@_part
@as_json
def quarter(label: str, **asked: Any) -> None:
    """Отчёт за квартал: закрытая версия, одна и та же навсегда, или черновик."""
    from ckr_es.rules.calendar import quarter as of_quarter

    _period(of_quarter(label).label, **asked)


@report.command(short_help="Отчёт за год.")
@click.argument("label", metavar="ГГГГ")
@form_option("xlsx", "pdf", "json")
@out_option
@_version
@_draft
@_part
@as_json
def year(label: str, **asked: Any) -> None:
    """Отчёт за год: закрытая версия, одна и та же навсегда, или черновик."""
    from ckr_es.rules import Invalid
    from ckr_es.rules.calendar import period

    if "Q" in label:
        raise Invalid("period-invalid", "Год записывается как «2021»")
    _period(period(label).label, **asked)


@report.command(short_help="Что изменилось после представления.")
@click.argument("label", metavar="ПЕРИОД")
@form_option("xlsx", "pdf")
@out_option
@_version
@as_json
def restatement(label: str, version: int | None, form: str, out: Path, as_json: bool) -> None:
    """От представленной версии квартала или года к тому, что известно теперь, с событиями."""
    from ckr_es.reports import making

    def made(conn: "Session", head: int) -> "LogReport":
        return making.restatement(conn, label, head, version=version, wait=catch_up)

    _write(made, form, out, as_json)


def _period(
    label: str,
    version: int | None,
    draft: bool,
    parts: tuple[str, ...],
    form: str,
    out: Path,
    as_json: bool,
) -> None:
    from ckr_es.reports import making

    if draft and version is not None:
        raise click.UsageError("укажите --version или --draft, не оба")

    def made(conn: "Session", head: int) -> "LogReport":
        chosen: Any = parts or PARTS
        return making.report(conn, label, head, version=version, draft=draft, parts=chosen, wait=catch_up)

    _write(made, form, out, as_json)


def _write(made: "Callable[[Session, int], LogReport]", form: Any, out: Path, as_json: bool) -> None:
    from ckr_es.projections.log import head

    with existing_database() as database, following(database) as conn:
        report = made(conn, head(conn))
    write(report, form, out, as_json)


def write(report: "LogReport", form: Any, out: Path, as_json: bool) -> None:
    """The report as a file, and a line about it."""
    from rich.console import Console

    from ckr_es.reports.extract import Extract
    from ckr_es.reports.forms import rendered
    from ckr_es.reports.report import RoadmapReport

    if not out.absolute().parent.is_dir():
        raise click.UsageError(f"--out: папки {out.absolute().parent} нет")
    console = Console(stderr=True)
    with console.status("Отчёт собирается") if console.is_terminal else nullcontext():
        content = rendered(report, form)
    replace(out, content)
    version = None if isinstance(report, RoadmapReport | Extract) else report.version
    if as_json:
        put_json({"path": str(out), "bytes": len(content), "version": version, "digest": report.digest})
        return
    shown = "выписка" if isinstance(report, Extract) else "дорожная карта"
    if not isinstance(report, RoadmapReport | Extract):
        shown = f"редакция № {version}" if version else "черновик"
    print(f"{out}: {shown}, {len(content)} байт, контрольная сумма {report.digest}")
    if shown == "черновик":
        note("Черновик: закрытой версии нет или её не просили.")


def replace(out: Path, content: bytes) -> None:
    """Written beside and renamed, so that nobody ever finds half a file."""
    umask = os.umask(0)
    os.umask(umask)
    handle, beside = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.absolute().parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            os.fchmod(handle, 0o666 & ~umask)
            os.fsync(handle)
        Path(beside).replace(out)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
