#!/bin/sh
# Installs linewarden as a service on Debian, Raspberry Pi OS or Jetson. Run it again at any time: it
# upgrades, and leaves configuration and ledger as they are.
#
# Usage: install.sh [--wheels DIR] [--python PYTHON] [--root DIR] [--uninstall]
#
# --wheels DIR    install offline from a folder of wheels (`make wheels` makes one)
# --python NAME   the Python to use (python3), 3.10 or later
# --root DIR      put the files under DIR and start nothing: for images and tests
# --uninstall     take the programs away; configuration and ledger stay
#
# Without --wheels it takes the wheels beside itself, else the sources above it and pip's index.
set -eu

here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
root='' wheels='' python=python3 uninstall=no

fail() {
    echo "install.sh: $*" >&2
    exit 1
}
usage() {
    sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p}' "$0"
    exit "$1"
}
while [ $# -gt 0 ]; do
    case $1 in
    --wheels | --python | --root)
        [ $# -ge 2 ] || usage 2 >&2
        case $1 in
        --wheels) wheels=$2 ;;
        --python) python=$2 ;;
        --root) root=${2%/} ;;
        esac
        shift 2
        ;;
    --uninstall) uninstall=yes && shift ;;
    -h | --help) usage 0 ;;
    *)
        echo "install.sh: unknown option $1" >&2
        usage 2 >&2
        ;;
    esac
done

# Beside the wheels, or in the sources, where the script lies in deploy/.
files=$here
[ -d "$files/systemd" ] || files=$here/..
[ -d "$files/systemd" ] || fail "the folder systemd/ is missing beside $here"
settings=$here
# shellcheck source=deploy/settle.sh
. "$here/settle.sh"

live() { [ -z "$root" ] && systemd_runs; }

# check_machine: everything that could stop us halfway, before anything is changed.
check_machine() {
    [ -n "$root" ] || [ "$(id -u)" -eq 0 ] || fail "needs root; type: sudo $0"
    if [ -d "$root/opt/linewarden" ] && [ ! -L "$root/opt/linewarden" ]; then
        fail "the Debian package is installed; upgrade it with apt, or first: apt-get remove linewarden"
    fi
    [ "$uninstall" = no ] || return 0
    command -v "$python" >/dev/null || fail "there is no $python: apt-get install python3"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' ||
        fail "linewarden needs Python 3.10 or later, $("$python" --version) was found; --python names another"
    machine=$("$python" -c 'import platform; print(platform.machine())')
    case $machine in
    x86_64 | aarch64) ;;
    *) fail "LiteRT runs on x86_64 and aarch64, this is $machine: take a 64-bit system" ;;
    esac
    [ -n "$wheels" ] || ! has_wheels "$here" || wheels=$here
    if [ -n "$wheels" ]; then
        has_wheels "$wheels" || fail "there is no linewarden-*.whl in $wheels: make it with \`make wheels\`"
        wheels=$(cd "$wheels" && pwd)
        check_wheels
    else
        [ -e "$here/../pyproject.toml" ] || fail "neither wheels nor sources here: give --wheels DIR"
    fi
}

# check_wheels: pip would only say that it finds nothing.
check_wheels() {
    made=$(names_of_wheels 's/.*manylinux.*_\(x86_64\|aarch64\)$/\1/p')
    [ -z "$made" ] || [ "$made" = "$machine" ] ||
        fail "the wheels are for $made, this is $machine: make them with \`make wheels ARCH=...\`"
    made=$(names_of_wheels 's/.*-cp3\([0-9]*\)-cp3\1-.*/3.\1/p')
    minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    [ -z "$made" ] || [ "$made" = "$minor" ] ||
        fail "the wheels are for Python $made, this is $minor: make them with \`make wheels DEB_PYTHON=...\`"
}

# names_of_wheels SED: what SED takes from the names, each once.
names_of_wheels() {
    for found in "$wheels"/*.whl; do basename "$found" .whl; done | sed -n "$1" | sort -u
}

has_wheels() { ls "$1"/linewarden-*.whl >/dev/null 2>&1; }

# A folder of its own for every installation, and one link that is switched in a single step: the
# service has the old programs or the new ones, whenever the power goes.
install_programs() {
    tree=$root/opt/linewarden-$(date +%Y%m%d-%H%M%S)-$$
    trap 'rm -rf "$tree"' EXIT
    mkdir -p "$root/opt"
    echo "installing the programs into $tree ..."
    make_venv "$tree"
    "$tree/bin/linewarden" --help >/dev/null || fail "the new programs do not run; nothing was changed"
    sync
    ln -s "$(basename "$tree")" "$root/opt/linewarden.new"
    mv -T "$root/opt/linewarden.new" "$root/opt/linewarden"
    trap - EXIT
}

make_venv() {
    pip_wheel=''
    for found in "${wheels:-/nowhere}"/pip-*.whl; do [ ! -e "$found" ] || pip_wheel=$found; done
    if [ -n "$pip_wheel" ]; then # pip runs out of its wheel: Debian's python3-venv is not needed
        "$python" -m venv --without-pip "$1"
        set -- "$1" "$1/bin/python" "$pip_wheel/pip"
    else
        need_ensurepip
        "$python" -m venv "$1"
        set -- "$1" "$1/bin/python" -m pip
    fi
    tree_made=$1
    shift
    set -- "$@" install --quiet --disable-pip-version-check --no-warn-script-location
    if [ -n "$wheels" ]; then
        "$@" --no-index --find-links "$wheels" --only-binary :all: linewarden
    else
        "$@" --require-hashes -r "$here/../requirements/base.lock"
        "$@" --no-deps "$here/.."
    fi
    "$tree_made/bin/python" -m compileall -q "$tree_made/lib" || true # templates for other Pythons
}

need_ensurepip() {
    ! "$python" -c 'import ensurepip' 2>/dev/null || return 0
    if [ -n "$root$wheels" ] || ! command -v apt-get >/dev/null; then
        fail "pip is missing: apt-get install python3-venv, or put pip's wheel into the folder"
    fi
    apt-get install -y -qq --no-install-recommends python3-venv >/dev/null
}

# place FROM TO [MODE]: one file; folders are made.
place() { install -D -m "${3:-0644}" "$files/systemd/$1" "$root$2"; }

install_units() {
    for unit in linewarden.service linewarden-check.service linewarden.slice; do
        place "$unit" "/etc/systemd/system/$unit"
    done
    place linewarden.sysusers.conf /usr/lib/sysusers.d/linewarden.conf
    place linewarden.tmpfiles.conf /usr/lib/tmpfiles.d/linewarden.conf
    place 70-linewarden.rules /etc/udev/rules.d/70-linewarden.rules
    for drop_in in "$files"/systemd/drop-ins/*.conf; do
        name=$(basename "$drop_in")
        place "drop-ins/$name" "/usr/share/linewarden/drop-ins/$name"
    done
    mkdir -p "$root/usr/local/bin"
    ln -sfn /opt/linewarden/bin/linewarden "$root/usr/local/bin/linewarden"
}

settle() {
    if [ -n "$root" ]; then
        mkdir -p "$root/etc/linewarden/trust" "$root/var/lib/linewarden"
        settle_config "$root" "$settings/agent.toml"
        return
    fi
    settle_user ''
    settle_config '' "$settings/agent.toml"
    settle_udev
    ! live || systemctl daemon-reload
    systemctl enable --quiet linewarden.service
    ! live || systemctl restart linewarden.service
}

# The service runs the new programs now: the old ones are not needed any more.
remove_old_programs() {
    for old in "$root"/opt/linewarden-*; do
        [ ! -d "$old" ] || [ "$old" = "$root/opt/$(readlink "$root/opt/linewarden" || true)" ] || rm -rf "$old"
    done
}

remove_all() {
    if live; then
        systemctl disable --quiet --now linewarden.service || true
    elif [ -z "$root" ]; then
        systemctl disable --quiet linewarden.service 2>/dev/null || true
    fi
    rm -f "$root"/etc/systemd/system/linewarden.service "$root"/etc/systemd/system/linewarden-check.service \
        "$root"/etc/systemd/system/linewarden.slice "$root"/usr/lib/sysusers.d/linewarden.conf \
        "$root"/usr/lib/tmpfiles.d/linewarden.conf "$root"/etc/udev/rules.d/70-linewarden.rules \
        "$root"/usr/local/bin/linewarden
    rm -rf "$root/usr/share/linewarden" "$root/opt/linewarden"
    remove_old_programs
    ! live || systemctl daemon-reload
    echo "linewarden: removed. Ledger and configuration stay: /var/lib/linewarden, /etc/linewarden"
}

check_machine
if [ "$uninstall" = yes ]; then
    remove_all
    exit 0
fi
install_programs
install_units
settle
remove_old_programs
say_next "$root"
