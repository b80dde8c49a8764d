#!/bin/sh
# Builds the Debian package: the locked Python packages and ours in a ready environment under
# /opt/linewarden. Needs dpkg-deb, uv and pip's index; no root.
# Usage: build_deb.sh [OUT]      (dist)
# ARCH=arm64 builds for a Raspberry Pi or Jetson on any machine; PYTHON names the board's Python, whose
# minor version the packed byte code is for: 3.11 for Debian 12 and Raspberry Pi OS, 3.10 for JetPack 6.
set -eu
cd "$(dirname "$0")/.."
here=$PWD
out=$(mkdir -p "${1:-dist}" && cd "${1:-dist}" && pwd)
python=$(command -v "${PYTHON:-python3}") uv=$(command -v "${UV:-.venv/bin/uv}") arch=${ARCH:-$(dpkg --print-architecture)}
case $arch in
amd64) machine=x86_64 ;;
arm64) machine=aarch64 ;;
*)
    echo "build_deb.sh: LiteRT has no wheel for $arch; ARCH=amd64 or arm64" >&2
    exit 1
    ;;
esac
case $python in /*) ;; *) python=$here/$python ;; esac
case $uv in /*) ;; *) uv=$here/$uv ;; esac
minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
next_minor=$("$python" -c 'import sys; print("%d.%d" % (sys.version_info[0], sys.version_info[1] + 1))')
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)${REVISION:+-$REVISION}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stage=$work/stage tree=$work/stage/opt/linewarden
site=$tree/lib/python$minor/site-packages

# Our own wheel, from a clean copy: setuptools would pack what an older build/ has left.
mkdir "$work/source"
cp -R linewarden.py pyproject.toml README.md LICENSE agent bundle deploy export training "$work/source"
"$uv" build --quiet --wheel --python "$python" --out-dir "$work/wheel" "$work/source"

# The environment as `python -m venv` makes it, written by hand: its paths are the board's from the
# start, so nothing is relocated, and another processor's wheels can be put into it.
mkdir -p "$site" "$tree/bin"
cp requirements/base.lock "$work"
for lock in "-r base.lock --require-hashes" "--no-deps wheel/*.whl"; do
    # shellcheck disable=SC2086
    (cd "$work" && "$uv" pip install --quiet --target "$site" --python "$python" --python-version "$minor" \
        --python-platform "$machine-manylinux_2_28" --only-binary :all: --link-mode copy $lock)
done
rm -rf "${site:?}/bin" "$site/.lock"
find "$site" -type d \( -name __pycache__ -o -path '*/numpy/*/tests' \) -prune -exec rm -rf {} +
printf 'home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n' "$minor" >"$tree/pyvenv.cfg"
ln -s "/usr/bin/python$minor" "$tree/bin/python"
ln -s python "$tree/bin/python3"
printf '#!/opt/linewarden/bin/python -I\nimport sys\n\nfrom linewarden import main\n\nsys.exit(main())\n' \
    >"$tree/bin/linewarden"
chmod 755 "$tree/bin/linewarden"
# Never checked against the sources: they do not change, and a board may have a read-only root.
"$python" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$stage" -p / "$site" || {
    echo "build_deb.sh: some file does not compile; is $python the board's Python?" >&2
    exit 1
}

share=$stage/usr/share/linewarden doc=$stage/usr/share/doc/linewarden
install -D -m 644 -t "$stage/usr/lib/systemd/system" systemd/*.service systemd/*.slice
install -D -m 644 systemd/linewarden.sysusers.conf "$stage/usr/lib/sysusers.d/linewarden.conf"
install -D -m 644 systemd/linewarden.tmpfiles.conf "$stage/usr/lib/tmpfiles.d/linewarden.conf"
install -D -m 644 -t "$stage/usr/lib/udev/rules.d" systemd/70-linewarden.rules
install -D -m 644 -t "$share" deploy/agent.toml deploy/settle.sh
install -D -m 644 -t "$share/drop-ins" systemd/drop-ins/*.conf
install -D -m 644 -t "$doc" deploy/debian/copyright
# What whoever stands at the board reads, and whatever that points at: no link leads out of the package.
for name in cameras drift flashing gate-protocol gates install keys ledger technician technician-flashing topics; do
    install -D -m 644 -t "$doc/docs" "docs/$name.md"
done
install -D -m 644 -t "$doc/docs/schemas" docs/schemas/*.json
install -D -m 644 -t "$doc/examples/mosquitto" examples/mosquitto/*
gzip -9n <CHANGELOG.md >"$doc/CHANGELOG.md.gz"
{
    printf 'linewarden (%s) stable; urgency=medium\n\n  * See CHANGELOG.md.gz beside.\n\n' "$version"
    printf ' -- linewarden maintainers <linewarden@localhost>  %s\n' "$(date -Ru -d "@$SOURCE_DATE_EPOCH")"
} | gzip -9n >"$doc/changelog.gz"
install -D -m 644 deploy/debian/lintian-overrides "$stage/usr/share/lintian/overrides/linewarden"
mkdir -p "$stage/usr/bin"
ln -s /opt/linewarden/bin/linewarden "$stage/usr/bin/linewarden"

# Whoever builds may have a narrow umask.
chmod -R u=rwX,go=rX "$stage"
mkdir -m 755 "$stage/DEBIAN"
install -m 755 -t "$stage/DEBIAN" deploy/debian/preinst deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm
install -m 644 -t "$stage/DEBIAN" deploy/debian/templates
size=$(du -sk --apparent-size --exclude=DEBIAN "$stage" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" \
    -e "s/@PYTHON@/$minor/" -e "s/@NEXT_PYTHON@/$next_minor/" deploy/debian/control.in >"$stage/DEBIAN/control"
(cd "$stage" && find opt usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
deb=$out/linewarden_${version}_$arch.deb
# zstd: a board unpacks it several times faster than xz.
dpkg-deb --root-owner-group -Z"${COMPRESS:-zstd}" --build "$stage" "$deb.new" >/dev/null
mv "$deb.new" "$deb"
echo "$deb ($(du -m "$deb" | cut -f1) MB, installed $((size / 1024)) MB)"
