#!/bin/sh
# Makes a folder to install from without a network: the locked wheels, ours, pip, units, install.sh.
# Usage: build_wheels.sh [OUT]      (dist/linewarden-wheels)
# ARCH=arm64 makes one for a Raspberry Pi or Jetson; PYTHON names the board's Python (its minor version).
set -eu
cd "$(dirname "$0")/.."
out=${1:-dist/linewarden-wheels} python=${PYTHON:-.venv/bin/python} uv=${UV:-.venv/bin/uv}
case ${ARCH:-$(dpkg --print-architecture)} in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*)
    echo "build_wheels.sh: LiteRT has no wheel for it; ARCH=amd64 or arm64" >&2
    exit 1
    ;;
esac
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# From a clean copy: setuptools would pack what an older build/ has left.
mkdir "$work/source"
cp -R linewarden.py pyproject.toml README.md LICENSE agent bundle deploy export training "$work/source"
"$uv" build --quiet --wheel --python "$python" --out-dir "$work/wheels" "$work/source"
download() {
    "$python" -m pip download --quiet --disable-pip-version-check --dest "$work/wheels" \
        --python-version "$minor" --only-binary :all: --platform "manylinux_2_28_$machine" \
        --platform "manylinux_2_27_$machine" --platform "manylinux2014_$machine" "$@"
}
download --require-hashes --no-deps -r requirements/base.lock
download --no-deps pip
rm -f "$work"/wheels/*.gz "$work"/wheels/.gitignore
cp deploy/install.sh deploy/settle.sh deploy/agent.toml "$work/wheels"
cp -R systemd "$work/wheels"

rm -rf "$out"
mkdir -p "$(dirname "$out")"
mv "$work/wheels" "$out"
chmod -R u=rwX,go=rX "$out"
echo "$out ($(du -sm "$out" | cut -f1) MB): copy it to the board, then: sudo ./install.sh"
