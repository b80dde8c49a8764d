#!/bin/sh
# Makes a bare Debian with systemd in a folder, for the tests that boot one: as root.
# Usage: make_rootfs.sh FOLDER [PACKAGE...]
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
scripts/debian_packages.sh systemd-container mmdebstrap
mkdir -p "$(dirname "$folder")"
rm -rf "$folder" "$folder.new"
more=$(printf ',%s' "$@")
mmdebstrap --mode=root --variant=minbase --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --include="systemd,systemd-sysv,udev,dbus,python3,procps${more%,}" \
    bookworm "$folder.new" /etc/apt/sources.list.d/debian.sources
mv "$folder.new" "$folder"
