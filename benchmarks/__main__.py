"""`uv run python -m benchmarks NAME [--json]`: one benchmark, its figures and the marks it has to reach."""

import argparse
import json
import sys

from benchmarks import append, http, imports, kpi, ledger, rebuild, registry

BENCHMARKS = {
    "append": append,
    "http": http,
    "import": imports,
    "kpi": kpi,
    "ledger": ledger,
    "rebuild": rebuild,
    "registry": registry,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    chosen = parser.add_subparsers(dest="name", required=True)
    for name, module in BENCHMARKS.items():
        one = chosen.add_parser(name, help=(module.__doc__ or "").splitlines()[0])
        one.add_argument("--json", action="store_true", help="one line of JSON")
        module.arguments(one)
    given = parser.parse_args()
    found = BENCHMARKS[given.name].run(given)
    if given.json:
        print(json.dumps(found))
    else:
        for what, value in found.items():
            print(f"{what:40} {value:>14,.2f}" if isinstance(value, float) else f"{what:40} {value:>14,}")
    missed = BENCHMARKS[given.name].missed(found)
    for mark in missed:
        print(f"missed: {mark}", file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
