#!/bin/sh
# Prints where promtool is, fetching it first if it must: from Debian's package, unpacked into .local/tools, without root.
# Ends with status 1, and says so, where it is not to be had.
set -eu
cd "$(dirname "$0")/.."

if command -v promtool; then
    exit 0
fi
tools=$PWD/.local/tools/prometheus
if [ ! -x "$tools/usr/bin/promtool" ]; then
    draft=$(mktemp -d)
    trap 'rm -rf "$draft"' EXIT
    # apt verifies what it downloads.
    if ! (cd "$draft" && apt-get download prometheus && dpkg -x prometheus_*.deb unpacked) > "$draft/log" 2>&1; then
        echo "promtool is not on this machine, and Debian's package prometheus is not to be had: apt-get update may help." >&2
        exit 1
    fi
    mkdir -p "$(dirname "$tools")"
    rm -rf "$tools"
    mv "$draft/unpacked" "$tools"
fi
echo "$tools/usr/bin/promtool"
