"""`uv run python -m benchmarks NAME [--json] [--runs N]`: one benchmark, its figures and the marks it has to reach."""

import argparse
import json
import sys
from typing import Any

from benchmarks import append, http, imports, kpi, ledger, rebuild, registry
from benchmarks.marks import over_runs

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
        one.add_argument("--runs", type=int, default=1, help="the whole measurement so many times")
        module.arguments(one)
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("--runs: at least 1")
    module = BENCHMARKS[given.name]
    runs: list[dict[str, Any]] = []
    for number in range(1, given.runs + 1):
        runs.append(module.run(given))
        if not given.json:
            if given.runs > 1:
                print(f"run {number} of {given.runs}")
            _print(runs[-1])
    marks = [module.marks(found) for found in runs]
    reached = over_runs(marks)
    if given.runs > 1:
        if given.json:
            print(json.dumps({"runs": runs, "marks": reached}))
        else:
            for name, of_mark in reached.items():
                print(f"reached in {of_mark['reached']} of {of_mark['of']} runs: {name}")
    elif given.json:
        print(json.dumps(runs[0]))
    for number, of_run in enumerate(marks, 1):
        for mark in of_run:
            if not mark.reached:
                print(f"missed{f' in run {number}' if given.runs > 1 else ''}: {mark}", file=sys.stderr)
    sys.exit(0 if all(mark.reached for of_run in marks for mark in of_run) else 1)


def _print(found: dict[str, Any]) -> None:
    for what, value in found.items():
        match value:
            case str():
                print(f"{what:40} {value}")
            case float():
                print(f"{what:40} {value:>14,.2f}")
            case _:
                print(f"{what:40} {value:>14,}")


if __name__ == "__main__":
    main()
