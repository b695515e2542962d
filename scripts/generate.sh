#!/bin/sh
# Generates octavo/v1 from protos/octavo/v1. CI runs it with another folder and compares.
set -eu
cd "$(dirname "$0")/.."
out=${1:-.}
mkdir -p "$out"
.venv/bin/python -m grpc_tools.protoc \
    --proto_path=protos --proto_path=third_party/protos \
    --python_out="$out" --pyi_out="$out" --grpc_python_out="$out" \
    protos/octavo/v1/*.proto
# Only services have stubs; a file of messages gets an empty one.
grep -L "^class " "$out"/octavo/v1/*_pb2_grpc.py | xargs -r rm
