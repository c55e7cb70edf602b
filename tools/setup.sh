#!/usr/bin/env bash
# Installs everything the build, the tests and the quickstart need on a Debian 12 machine: Debian packages, a
# project-local Python environment (Arrow C++ is in the pyarrow wheel) and DuckDB's library with its headers.
# Every version is pinned; a second run finds everything in place and does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
deps=$PWD/.deps
duckdb_version=1.5.6
duckdb_package="@duckdb/node-bindings-linux-x64@${duckdb_version}-r.1"

say() { printf 'setup: %s\n' "$*" >&2; }

missing=()
while read -r package; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done < tools/apt-packages.txt
# Debian's npm conflicts with a Node.js of another origin, so it is asked for only where there is none.
command -v npm > /dev/null || missing+=(npm)
# Any JDK from 11 on runs the unmodified Java client of the tests.
command -v javac > /dev/null || missing+=(default-jdk-headless)
command -v mvn > /dev/null || missing+=(maven)
if ((${#missing[@]})); then
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
fi

mkdir -p "$deps"
# Two environments: pypaimon wants an older pyarrow than the one that the server links.
for environment in venv readers; do
  requirements=tools/requirements-$environment.txt
  if ! cmp -s "$requirements" "$deps/$environment/requirements.done"; then
    say "installing the Python environment .deps/$environment"
    [ -x "$deps/$environment/bin/python" ] || python3 -m venv "$deps/$environment"
    "$deps/$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$deps/$environment/requirements.done"
  fi
done

if [ "$(cat "$deps/duckdb/version" 2> /dev/null)" != "$duckdb_version" ]; then
  say "fetching DuckDB $duckdb_version"
  rm -rf "$deps/duckdb"
  mkdir -p "$deps/duckdb/lib" "$deps/duckdb/tmp"
  (cd "$deps/duckdb/tmp" && npm pack --silent "$duckdb_package" > /dev/null)
  tar xzf "$deps"/duckdb/tmp/*.tgz -C "$deps/duckdb/lib" --strip-components=1 package/libduckdb.so package/LICENSE
  "$deps/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary duckdb \
    -d "$deps/duckdb/tmp" "duckdb==$duckdb_version"
  tar xzf "$deps/duckdb/tmp/duckdb-$duckdb_version.tar.gz" -C "$deps/duckdb" --strip-components=4 \
    --wildcards "duckdb-$duckdb_version/external/duckdb/src/include/*"
  rm -rf "$deps/duckdb/tmp"
  (cd "$deps/duckdb" && sha256sum --quiet -c "$OLDPWD/tools/duckdb.sha256")
  echo "$duckdb_version" > "$deps/duckdb/version"
fi

java_pom=tests/conformance/java/pom.xml
if ! cmp -s "$java_pom" "$deps/java/pom.done"; then
  say "fetching the Java client that the tests run"
  mvn -q -B -f "$java_pom" dependency:copy-dependencies -DoutputDirectory="$deps/java/lib"
  cp "$java_pom" "$deps/java/pom.done"
fi
