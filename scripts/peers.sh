#!/usr/bin/env bash
# Installs the servers that bench/ compares Rouse's queues with, from PyPI and
# Maven Central, into $PEERS (default: ~/.cache/rouse-peers), unless they are
# there, and prints their commands: a name, then the words of the command, in
# which PORT stands for the port to listen on.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

dir=${PEERS:-$HOME/.cache/rouse-peers}
elasticmq=org.elasticmq:elasticmq-server_2.13:1.6.12
mkdir -p "$dir"

if [ ! -x "$dir/moto/bin/moto_server" ]; then
  python=$(command -v python3.11 || command -v python3) || die "moto needs Python"
  rm -rf "$dir/moto"
  "$python" -m venv "$dir/moto" >&2
  "$dir/moto/bin/pip" install -q 'moto[server]' >&2
fi

if [ ! -s "$dir/elasticmq/classpath" ]; then
  command -v mvn >/dev/null || die "ElasticMQ needs Maven and Java"
  rm -rf "$dir/elasticmq"
  mkdir -p "$dir/elasticmq"
  IFS=: read -r group artifact release <<<"$elasticmq"
  cat >"$dir/elasticmq/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bench</groupId><artifactId>peers</artifactId><version>1</version>
  <dependencies><dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$release</version></dependency></dependencies>
</project>
POM
  (cd "$dir/elasticmq" && mvn -q -B dependency:build-classpath -Dmdep.outputFile=classpath >&2)
fi

say "moto $dir/moto/bin/moto_server -H 127.0.0.1 -p PORT"
say "ElasticMQ java -cp $(cat "$dir/elasticmq/classpath") -Drest-sqs.bind-hostname=127.0.0.1 -Drest-sqs.bind-port=PORT -Dnode-address.port=PORT -Drest-stats.enabled=false org.elasticmq.server.Main"
