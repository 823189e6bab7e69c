"""Fetches what the page is made of from the npm registry and writes it down: package, version, licence, SHA-256.

Nothing is fetched when the product runs or is tested: the files are committed, and a test checks their hashes.
"""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "src" / "ckr_es" / "web" / "static" / "vendor"
TESTS = ROOT / "tests" / "web" / "vendor"


class Package(NamedTuple):
    name: str
    version: str
    files: dict[str, str]  # where a file lies in the package: what it is called here


PACKAGES = {
    PAGE: (
        Package("htmx.org", "4.0.1", {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "htmx.LICENSE"}),
        Package("@tabler/core", "1.6.1", {"dist/css/tabler.min.css": "tabler.min.css"}),
        Package(
            "echarts",
            "6.1.0",
            {
                "dist/echarts.min.js": "echarts.min.js",
                "LICENSE": "echarts.LICENSE",
                "NOTICE": "echarts.NOTICE",
            },
        ),
        Package(
            "@fontsource-variable/golos-text",
            "5.3.0",
            {
                "LICENSE": "golos-text.LICENSE",
                **{
                    f"files/golos-text-{script}-wght-normal.woff2": f"golos-text-{script}.woff2"
                    for script in ("cyrillic", "latin", "latin-ext")
                },
            },
        ),
    ),
    TESTS: (Package("axe-core", "4.14.1", {"axe.min.js": "axe.min.js", "LICENSE": "axe.LICENSE"}),),
}


def fetched(package: Package, folder: Path) -> dict[str, object]:
    """The package's entry in the lock file; its files are then in the folder."""
    address = (
        f"https://registry.npmjs.org/{package.name}/-/{package.name.split('/')[-1]}-{package.version}.tgz"
    )
    with urlopen(address) as answer, tarfile.open(fileobj=io.BytesIO(answer.read())) as archive:

        def read(name: str) -> bytes:
            member = archive.extractfile(f"package/{name}")
            assert member is not None
            return member.read()

        about = json.loads(read("package.json"))
        contents = {ours: read(theirs) for theirs, ours in package.files.items()}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {
        "package": package.name,
        "version": package.version,
        "licence": about["license"],
        "source": address,
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    }


def main() -> None:
    for folder, packages in PACKAGES.items():
        folder.mkdir(parents=True, exist_ok=True)
        entries = [fetched(package, folder) for package in packages]
        (folder / "vendored.json").write_text(json.dumps(entries, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
