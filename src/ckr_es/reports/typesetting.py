"""`python -m ckr_es.reports.typesetting`: what to print comes on stdin as JSON, the PDF goes to stdout.

A process of its own, since Typst keeps what it has set for the next time: ten long reports would hold a gigabyte of
the server. It imports nothing but Typst, and Typst may read nothing but the template's folder.
"""

import json
import resource
import sys
from datetime import UTC, datetime
from pathlib import Path

import typst

TEMPLATE = Path(__file__).parent / "template"
MEMORY = 3 << 30  # bytes of address space; a report of 3,000 services takes less than one


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    asked = json.loads(sys.stdin.buffer.read())
    made = typst.compile(
        TEMPLATE / "report.typ",
        root=TEMPLATE,
        font_paths=typst.Fonts(include_system_fonts=False, include_embedded_fonts=True),
        sys_inputs={"shown": asked["shown"], "canonical": asked["canonical"]},
        format="pdf",
        pdf_standards="a-3b",
        timestamp=datetime.fromtimestamp(asked["dated_at"], UTC),
        pdf_tags=False,  # they make the file ten times as large, and PDF/A-3b asks for none
    )
    assert isinstance(made, bytes)
    sys.stdout.buffer.write(made)


if __name__ == "__main__":
    main()
