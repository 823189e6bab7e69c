"""The forms of a report: their media types, file names, and bytes."""

from typing import Final, Literal, get_args

from ckr_es.reports import pdf, xlsx
from ckr_es.reports.destruction import Destruction
from ckr_es.reports.extract import Extract
from ckr_es.reports.report import PARTS, AnyReport, Restatement, RoadmapReport, encoded

Form = Literal["json", "xlsx", "pdf"]
FORMS: Final[tuple[Form, ...]] = get_args(Form)
MEDIA: Final[dict[Form, str]] = {
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
}


def rendered(report: AnyReport, form: Form) -> bytes:
    """The same report gives the same bytes, on every machine and in every process. PDF is work of seconds."""
    match form:
        case "json":
            return encoded(report)
        case "xlsx":
            return xlsx.rendered(report)
        case "pdf":
            return pdf.rendered(report)


def file_name(report: AnyReport, form: Form) -> str:
    """ASCII, as it stands in a header: ckr-2021-Q2-v1.pdf, ckr-2021-Q2-draft-901-kpi.xlsx."""
    if isinstance(report, RoadmapReport):
        return f"ckr-roadmap-{report.as_of}-{report.known_position}.{form}"
    if isinstance(report, Extract):
        whom = f"{report.audience}-{report.subject.id.hex[:8]}"
        return f"ckr-extract-{whom}-{report.as_of}-{report.known_position}.{form}"
    if isinstance(report, Destruction):
        return f"ckr-{report.form}-{report.entry.position}.{form}"
    if isinstance(report, Restatement):
        said = f"v{report.version}-restated-{report.known_position}"
    else:
        said = f"v{report.version}" if report.version else f"draft-{report.known_position}"
        if report.parts != PARTS:
            said += f"-{'-'.join(report.parts)}"
    return f"ckr-{report.period}-{said}.{form}"
