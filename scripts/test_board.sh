#!/bin/sh
# Makes what tests/board needs, as root: qemu, the image of a bare board (kept in out/board) and the
# package; then runs the tests there. Words given are passed on to pytest.
set -eu
cd "$(dirname "$0")/.."
tools=../shared/tools/board
python=${PYTHON:-.venv/bin/python}
[ -d "$tools" ] || {
    echo "skipped: needs ../shared/tools/board"
    exit 0
}
scripts/debian_packages.sh mmdebstrap e2fsprogs qemu-system-x86 qemu-utils mosquitto
mkdir -p out/board
"$tools/build.sh" --out out/board/image --cache out/board/cache
# shellcheck disable=SC2012
deb=${LINEWARDEN_BOARD_DEB:-$(ls -t dist/linewarden_*_amd64.deb | head -1)}
deb=$(cd "$(dirname "$deb")" && pwd)/$(basename "$deb")
# One board at a time: an emulated processor takes a whole one.
LINEWARDEN_BOARD_DEB=$deb exec "$python" -m pytest -p no:xdist -p no:cacheprovider --timeout=7200 \
    tests/board "$@"
