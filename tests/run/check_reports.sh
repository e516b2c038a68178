#!/bin/sh
# check_reports.sh FOLDER: all JUnit XML (*.xml) and SARIF (*.sarif) in it against the schemas of their formats; one of each has to
# be there. 77: xmllint, or python3 with jsonschema, is not installed.
set -eu
schemas=$(dirname "$0")/schemas
command -v xmllint >/dev/null || { echo "SKIPPED: no xmllint (package libxml2-utils)"; exit 77; }
python=/usr/bin/python3 # which Debian's packages are for
[ -x $python ] || python=python3
$python -c 'import jsonschema' 2>/dev/null || { echo "SKIPPED: no jsonschema for python3 (package python3-jsonschema)"; exit 77; }
xmllint --noout --schema "$schemas/junit-4.xsd" "$1"/*.xml
$python - "$schemas"/sarif-*.json "$1"/*.sarif <<'PYTHON'
import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as file:
        jsonschema.validate(json.load(file), schema, cls=jsonschema.validators.validator_for(schema))
    print(name, "validates")
PYTHON
