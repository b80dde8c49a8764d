#!/bin/sh
# Makes a Debian for aarch64 with the product's own package in it, for user-mode emulation, as root:
# out/board/arm. It is kept; a newer package is put over the old one.
set -eu
cd "$(dirname "$0")/.."
tree=out/board/arm
scripts/debian_packages.sh mmdebstrap qemu-user-static binfmt-support
mountpoint -q /proc/sys/fs/binfmt_misc || mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
update-binfmts --enable qemu-aarch64
if [ ! -e "$tree/etc" ]; then
    rm -rf "$tree.new"
    mkdir -p out/board
    mmdebstrap --mode=root --arch=arm64 --variant=minbase --skip=check/qemu --skip=output/dev \
        --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Check-Valid-Until "false"' \
        --include=python3,systemd,libstdc++6 bookworm "$tree.new" /etc/apt/sources.list.d/debian.sources
    mv "$tree.new" "$tree"
fi
ARCH=arm64 PYTHON="${PYTHON:-.venv/bin/python}" UV="${UV:-.venv/bin/uv}" scripts/build_deb.sh out/board/arm64
# shellcheck disable=SC2012
cp "$(ls -t out/board/arm64/linewarden_*_arm64.deb | head -1)" "$tree/root/linewarden.deb"
mount -t proc proc "$tree/proc"
trap 'umount "$tree/proc"' EXIT
DEBIAN_FRONTEND=noninteractive chroot "$tree" dpkg -i /root/linewarden.deb
rm "$tree/root/linewarden.deb"
