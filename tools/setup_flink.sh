#!/usr/bin/env bash
# Installs the Flink of the tests, with the unmodified connector and the lakes' own: tools/setup_flink.sh 1.20|2.2 (about 350 MB each).
set -euo pipefail
cd "$(dirname "$0")/.."
line=$1
target=$PWD/.deps/flink-$line
pom=tests/conformance/flink/pom.xml
# Outside the POM: their parent POM is not published, or (of the bundle) another line of Flink has them in its own jar.
extras=(org.apache.fluss:fluss-lake-paimon:0.9.1-incubating org.apache.fluss:fluss-lake-iceberg:0.9.1-incubating
  org.apache.fluss:fluss-flink-tiering:0.9.1-incubating)
case $line in
  1.20) extras+=(org.apache.paimon:paimon-flink-1.20:1.3.1 org.apache.iceberg:iceberg-flink-runtime-1.20:1.10.1) ;;
  2.2) extras+=(org.apache.paimon:paimon-bundle:1.3.1 org.apache.iceberg:iceberg-flink-runtime-2.0:1.10.1) ;;
  *) echo "setup_flink: no connector for Flink $line" >&2; exit 1 ;;
esac
wanted=$(cat "$pom"; printf '%s\n' "${extras[@]}")
[ "$(cat "$target/done" 2> /dev/null)" != "$wanted" ] || exit 0
echo "setup: fetching Flink $line for the tests" >&2
rm -rf "$target"
mvn -q -B -f "$pom" -P "flink-$line" dependency:copy-dependencies -DoutputDirectory="$target/lib"
for extra in "${extras[@]}"; do
  mvn -q -B dependency:copy -Dartifact="$extra" -DoutputDirectory="$target/lib"
done
printf '%s\n' "$wanted" > "$target/done"
