"""What came from elsewhere is byte for byte what the lock file says, and the page loads nothing else."""

import hashlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = (ROOT / "src" / "ckr_es" / "web" / "static" / "vendor", ROOT / "tests" / "web" / "vendor")


@pytest.mark.parametrize("folder", FOLDERS, ids=["page", "tests"])
def test_every_file_of_others_is_as_locked(folder: Path) -> None:
    locked = {}
    for entry in json.loads((folder / "vendored.json").read_text("utf-8")):
        assert entry["version"]
        assert entry["licence"]
        assert entry["source"].startswith("https://registry.npmjs.org/")
        locked |= entry["sha256"]
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if file.name != "vendored.json"
    }
    assert found == locked


def test_no_template_has_a_style_or_script_of_its_own_or_an_address_elsewhere() -> None:
    for template in (ROOT / "src" / "ckr_es" / "web" / "templates").rglob("*.html"):
        text = template.read_text("utf-8")
        assert " style=" not in text, template.name
        assert "<style" not in text, template.name
        assert "://" not in text, template.name
        assert " on" not in {part[:3] for part in text.split("<")}, template.name
        for script in text.split("<script")[1:]:
            assert script.startswith((' src="{{ asset(', ' type="application/json"')), template.name
