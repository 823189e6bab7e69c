"""Writes the exact versions of the whole closure into `[tool.uv] constraint-dependencies`, or checks them.

`uv lock` resolves; the lock file itself names download addresses and stays out of the repository.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
SECTION = re.compile(r"\n\[tool\.uv\]\nconstraint-dependencies = \[\n.*?\n\]\n", re.DOTALL)


def closure() -> list[str]:
    subprocess.run(["uv", "lock", "-q"], check=True, cwd=PROJECT.parent)
    lock = tomllib.loads((PROJECT.parent / "uv.lock").read_text())
    names = {p["name"]: p["version"] for p in lock["package"] if "registry" in p["source"]}
    return [f"{name}=={version}" for name, version in sorted(names.items())]


def main() -> None:
    text = PROJECT.read_text()
    bare = SECTION.sub("", text)
    if "--check" in sys.argv:
        pinned = tomllib.loads(text)["tool"]["uv"]["constraint-dependencies"]
        if pinned != closure():
            sys.exit("constraint-dependencies are not the closure: run scripts/constraints.py")
        return
    PROJECT.write_text(bare)
    pins = "".join(f'    "{pin}",\n' for pin in closure())
    PROJECT.write_text(f"{bare}\n[tool.uv]\nconstraint-dependencies = [\n{pins}]\n")


if __name__ == "__main__":
    main()
