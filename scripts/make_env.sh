#!/bin/sh
# Makes a virtual environment with exactly the locked packages, and the project itself in it.
# Usage: make_env.sh PYTHON FOLDER LOCK...
set -eu
python=$1 folder=$2
shift 2
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
    echo "linewarden needs Python 3.10 or later; $("$python" --version) was found." >&2
    echo "Name another one: make PYTHON=python3.11 ..." >&2
    exit 1
}
echo "setting up $folder (once; a few minutes with TensorFlow, less without) ..."
if ! "$python" -c 'import ensurepip' 2>/dev/null && [ "$(id -u)" -eq 0 ] &&
    command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
fi
"$python" -m venv "$folder" || {
    echo "The venv module is missing. On Debian: apt-get install python3-venv" >&2
    exit 1
}
for lock in "$@"; do
    "$folder/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$lock"
done
"$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --editable .
touch "$folder/.ready"
