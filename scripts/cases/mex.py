#!/usr/bin/python3
"""Writes every generated case folder under control/tests/cases; with --check, says whether they are current."""

import argparse
import sys
import tempfile
from pathlib import Path

import edge
import forward
import nd
import router
import srv6
from lib import differences, write_all

COMMITTED = Path(__file__).resolve().parents[2] / "control" / "tests" / "cases"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the committed folders, change nothing")
    check = parser.parse_args().check
    cases = [c for module in (router, edge, forward, nd, srv6) for c in module.build()]
    if not check:
        write_all(COMMITTED, cases)
        print(f"{len(cases)} cases written")
        return 0
    with tempfile.TemporaryDirectory() as fresh:
        write_all(fresh, cases)
        differing = differences(fresh, COMMITTED)
    for name in differing:
        print(f"differs: {name}", file=sys.stderr)
    print(f"{len(cases)} cases, {len(differing)} files differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
