#!/bin/sh
# check_reports.sh RUN_TEST: reports as they are written, against the schemas of their formats. These are not part of the
# sources: SOCKDOG_SARIF_SCHEMA is sarif-schema-2.1.0.json of OASIS (the npm package @microsoft/jest-sarif has it, too),
# SOCKDOG_JUNIT_XSD the junit-10.xsd of the xunit plugin of Jenkins. Needs xmllint, and python3 with jsonschema.
set -eu
if [ -z "${SOCKDOG_SARIF_SCHEMA:-}${SOCKDOG_JUNIT_XSD:-}" ]; then
    echo "SKIPPED: neither SOCKDOG_SARIF_SCHEMA nor SOCKDOG_JUNIT_XSD is set"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
SOCKDOG_REPORT_DIR=$folder "$1" --gtest_filter='Reports.*'
if [ -n "${SOCKDOG_JUNIT_XSD:-}" ]; then
    xmllint --noout --schema "$SOCKDOG_JUNIT_XSD" "$folder"/*.xml
fi
if [ -n "${SOCKDOG_SARIF_SCHEMA:-}" ]; then
    python3 - "$SOCKDOG_SARIF_SCHEMA" "$folder"/*.sarif <<'PYTHON'
import json, sys
import jsonschema

schema = json.load(open(sys.argv[1]))
for name in sys.argv[2:]:
    jsonschema.validate(json.load(open(name)), schema, cls=jsonschema.validators.validator_for(schema))
    print(name, "validates")
PYTHON
fi
