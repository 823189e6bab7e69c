"""A refusal that no test names is a refusal nobody has seen."""

import re
from pathlib import Path

from ckr_es import aggregates

HERE = Path(__file__).parent
CODE = re.compile(r'\b(?:Refused|Forbidden|Invalid)\(\s*"([a-z-]+)"')


def test_every_code_of_the_aggregates_is_tested() -> None:
    sources = Path(aggregates.__file__).parent.glob("*.py")
    codes = {code for source in sources for code in CODE.findall(source.read_text("utf-8"))}
    tested = "\n".join(test.read_text("utf-8") for test in HERE.glob("test_*.py"))
    assert len(codes) > 40
    assert {code for code in codes if code not in tested} == set()
