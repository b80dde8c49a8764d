#!/bin/sh
# Writes the lock files anew: one per extra, for every Python and platform at once.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
lock() {
    # Extras stay in the pins: else pip asks for the newest release of them, and refuses it.
    "$uv" pip compile --universal --no-strip-extras --python-version 3.10 --generate-hashes \
        --quiet --no-header pyproject.toml "$@"
}
lock -o requirements/base.lock
for extra in demo dev train gpu tflite-runtime; do
    lock --extra "$extra" -o "requirements/$extra.lock"
done
