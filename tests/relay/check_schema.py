#!/usr/bin/python3
"""check_schema.py SCHEMA EVENTS: holds each line of EVENTS, JSON, against the JSON Schema. 77: python3-jsonschema is missing."""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    sys.exit(77)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    failed = 0
    with open(sys.argv[2], encoding="utf-8") as events:
        for number, line in enumerate(events, 1):
            for error in validator.iter_errors(json.loads(line)):
                print(f"line {number}: {'.'.join(map(str, error.absolute_path))}: {error.message[:200]}")
                failed += 1
    return 1 if failed else 0


sys.exit(main())
