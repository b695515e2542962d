#!/bin/sh
# Installs Octavo's dependencies into .venv, exactly as locked. Needs Python 3.11+ with pip, nothing else.
#
# pip fetches one tool, uv (its hash is in scripts/uv.txt), into .local/tools; uv makes the environment. So neither venv nor
# ensurepip, which some distributions leave out, is needed, and the system's Python is not touched.
set -eu
cd "$(dirname "$0")/.."

suitable() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

python=
for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.14; do
    if suitable "$candidate"; then
        python=$(command -v "$candidate")
        break
    fi
done
if [ -z "$python" ]; then
    echo "Octavo needs Python 3.11 or newer (PYTHON=/path/to/python3 make setup)." >&2
    exit 1
fi

tools=.local/tools
wanted=$(cksum < scripts/uv.txt)
if [ "$(cat $tools/.installed 2>/dev/null)" != "$wanted" ]; then
    rm -rf $tools
    mkdir -p $tools
    # Hashes are required for the tool that checks all other hashes.
    "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
        --require-hashes --target $tools --requirement scripts/uv.txt
    echo "$wanted" > $tools/.installed
fi

# The Python that is here, never a downloaded one.
export UV_PYTHON_DOWNLOADS=never
uv="$tools/bin/uv"
if ! suitable .venv/bin/python; then
    "$uv" venv --quiet --allow-existing --python "$python" .venv
fi
# Compiled once here: a process then starts twice as fast, and nobody has to write into the environment later.
"$uv" sync --quiet --frozen --compile-bytecode --python .venv/bin/python
