#!/usr/bin/env bash
# Three servers on this machine, their logs side by side; Ctrl-C stops all.   deploy/dev/cluster.sh [FOLDER [AGENT FLAGS…]]
# Without a folder a temporary one is made, and removed at the end. A second call with the same folder goes on with its data.
# ACTORD_BINARY names a binary that is built already; ACTORD_HTTP the first of three HTTP ports (8500).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../prepare"

servers=3
http=${ACTORD_HTTP:-8500} # server number n takes http + 100 n, and the other ports follow from it
folder=
temporary=no
pids=()

case ${1:-} in
  -h | --help) sed -n '2,4s/^# //p' "${BASH_SOURCE[0]}"; exit 0 ;;
  -*) ;; # flags only
  *) folder=${1:-}; [ $# -eq 0 ] || shift ;;
esac

if [ -n "${ACTORD_BINARY:-}" ]; then
  binary=$ACTORD_BINARY
else
  install_missing "${build_packages[@]}"
  build consul-actord
  binary=$build_folder/consul-actord
fi

if [ -z "$folder" ]; then
  folder=$(mktemp -d "${TMPDIR:-/tmp}/actord-dev-XXXXXX")
  temporary=yes
fi
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 8>"$folder/.lock"
flock -n 8 || { say "a cluster runs in $folder already"; exit 1; }
# The ports of the first call are kept: the servers know one another by them.
if [ -f "$folder/http-port" ]; then
  say "going on with the cluster in $folder"
  http=$(cat "$folder/http-port")
else
  echo "$http" >"$folder/http-port"
fi

colours=('' '' '')
plain=
if [ -t 1 ]; then
  colours=($'\e[36m' $'\e[33m' $'\e[35m')
  plain=$'\e[0m'
fi

port() { echo $((http + 100 * ($1 - 1) + $2)); } # port NUMBER-OF-SERVER OFFSET

start() {
  local n=$1 join=() i ports
  shift
  for i in $(seq $servers); do
    [ "$i" = "$n" ] || join+=("-retry-join=127.0.0.1:$(port "$i" 2)")
  done
  ports="http = $(port "$n" 0) server = $(port "$n" 1) serf_lan = $(port "$n" 2) serf_wan = $(port "$n" 3) dns = $(port "$n" 4) grpc = -1"
  mkdir -p "$folder/server$n"
  # In a group of its own, so that Ctrl-C reaches this script alone, which then stops them in good order.
  setsid "$binary" agent -server -bootstrap-expect=$servers -node="server$n" -bind=127.0.0.1 -data-dir="$folder/server$n" \
    "${join[@]}" -hcl "ports { $ports }" "$@" 8>&- \
    > >(trap '' INT; exec 8>&-; while IFS= read -r line; do printf '%sserver%s |%s %s\n' "${colours[n - 1]}" "$n" "$plain" "$line"; done) 2>&1 &
  pids+=($!)
}

stop() {
  trap '' INT TERM
  say "stopping"
  local pid
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  if [ $temporary = yes ]; then rm -rf "$folder"; else say "the data stays in $folder"; fi
}

say "three servers in $folder"
for n in $(seq $servers); do say "server$n: http://127.0.0.1:$(port "$n" 0)  DNS 127.0.0.1:$(port "$n" 4)"; done
trap 'exit 0' INT TERM
trap stop EXIT
for n in $(seq $servers); do start "$n" "$@"; done
for n in $(seq $servers); do say "server$n is process ${pids[n - 1]}"; done
# A server that ends, say because somebody killed it to see what happens, does not end the others.
left=$servers
while [ $left -gt 0 ]; do
  ended=
  wait -n -p ended "${pids[@]}" || true
  [ -n "$ended" ] || break
  left=$((left - 1))
  for n in $(seq $servers); do
    [ "${pids[n - 1]}" != "$ended" ] || say "server$n ended; the same call again after Ctrl-C starts it again"
  done
done
