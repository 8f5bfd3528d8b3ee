#!/bin/sh
# `npm test` on a bare machine: installs the npm packages and, as root on Debian, the system packages that the tests of
# the node agent drive; then runs everything. Without root those tests are skipped by name.
set -eu
cd "$(dirname "$0")/.."

if [ ! -x node_modules/node/bin/node ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "installing npm packages …"
  # Not npm ci: it refuses a lock file that leaves out packages of other platforms, which not every registry has.
  npm install --no-save --no-fund --no-audit --loglevel=error
fi

missing=""
need() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }
need crun crun
need conmon conmon
need nft nftables
need ip iproute2
need catatonit catatonit
need busybox busybox-static
need sqlite3 sqlite3
need kubectl kubernetes-client
if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Debian packages:$missing …"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install -y --no-install-recommends $missing; } >/tmp/sampan-apt.$$ 2>&1 || {
      tail -5 /tmp/sampan-apt.$$
      echo "could not install:$missing (the tests that need them are skipped by name)"
    }
    rm -f /tmp/sampan-apt.$$
  else
    echo "not installed:$missing (apt-get install$missing); the tests that need them are skipped by name"
  fi
fi

PATH="$PWD/node_modules/.bin:$PATH" exec node_modules/node/bin/node tools/test.ts "$@"
