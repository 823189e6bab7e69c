"""What free text must not hold, since nothing in the log is ever erased: numbers and addresses of natural persons.

A name can't be recognised, so it is not looked for here.
"""

import re
from typing import Final

from ckr_es.rules import Invalid
from ckr_es.rules.identifiers import ogrnip

_DIGITS: Final = re.compile(r"[0-9]{12}")  # as most texts have none, the others are seldom asked
# Between letters or digits it is a piece of a hash or of another number, after the others the last group of a UUID.
_INN: Final = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-)[0-9]{12}(?![0-9A-Za-z])"
)
_OGRNIP: Final = re.compile(r"(?<![0-9A-Za-z])3[0-9]{14}(?![0-9A-Za-z])")
_MAIL: Final = re.compile(r"[^\s@\"]@[^\s@\"]+\.[^\s@\"]{2,}")
_PHONE: Final = re.compile(r"\+7[\s(-]{0,2}[0-9]{3}[\s)-]{0,2}[0-9]{3}[\s-]?[0-9]{2}[\s-]?[0-9]{2}(?![0-9])")


def held(text: str) -> str | None:
    """What of a person the text holds for certain (Russian): ОГРНИП, a phone, an address of mail."""
    if _DIGITS.search(text) and any(map(_is_ogrnip, _OGRNIP.findall(text))):
        return "ОГРНИП"
    if "@" in text and _MAIL.search(text):
        return "адрес электронной почты"
    return "телефон" if "+7" in text and _PHONE.search(text) else None


def perhaps_inns(text: str) -> list[str]:
    """Twelve digits may be much else; whoever knows the persons can tell."""
    return _INN.findall(text) if _DIGITS.search(text) else []


def _is_ogrnip(digits: str) -> bool:
    try:
        ogrnip(digits)
    except Invalid:
        return False
    return True
