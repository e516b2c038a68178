#!/bin/sh
# check_rules.sh CONFIG_FOLDER: the rules of Prometheus and the route of Alertmanager, as their own tools see them.
set -eu
config=$1
tests=$(dirname "$0")
for tool in promtool amtool; do
    command -v $tool >/dev/null || { echo "SKIPPED: no $tool (packages prometheus, prometheus-alertmanager)"; exit 77; }
done
promtool check rules "$config/prometheus/rules.yaml"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$config/prometheus/rules.yaml" "$tests/rules_test.yaml" "$work"
(cd "$work" && promtool test rules rules_test.yaml)
# The scrape configuration in a whole file; its password and authority are the reader's.
{ echo 'scrape_configs:'; sed 's/^/  /' "$config/prometheus/scrape.yaml"; } > "$work/prometheus.yml"
echo secret > "$work/password"
sed -i "s|/etc/prometheus/sockdog.password|$work/password|; /tls_config:/d; /ca_file:/d" "$work/prometheus.yml"
promtool check config "$work/prometheus.yml"
amtool check-config "$config/alertmanager/route.yaml"
python3 -m json.tool "$config/grafana/sockdog.json" > /dev/null
