# shellcheck shell=sh
# What is done alike by install.sh and by the Debian package, once the files are in their places:
# user, folders, configuration, service. To be sourced; everything may be done again without harm.

# Whether systemd runs here: not in a chroot, not in most containers.
systemd_runs() { [ -d /run/systemd/system ]; }

# settle_user ROOT: the agent's user and the folders that it shares with a technician.
settle_user() {
    systemd-sysusers ${1:+--root="$1"} /usr/lib/sysusers.d/linewarden.conf
    systemd-tmpfiles ${1:+--root="$1"} --create /usr/lib/tmpfiles.d/linewarden.conf || {
        # 73: a line could not be carried out, as where /proc is missing; what counts is the folder.
        [ -d "${1:-}/var/lib/linewarden/slots" ] || return 1
    }
}

# settle_config ROOT TEMPLATE: a configuration of nothing but comments, if there is none at all.
settle_config() {
    config="${1:-}/etc/linewarden/agent.toml"
    [ ! -e "$config" ] || return 0
    install -D -m 0640 "$2" "$config"
    chgrp linewarden "$config" 2>/dev/null || true
}

# settle_udev: the names in /dev/linewarden for what is plugged in already.
settle_udev() {
    systemd_runs && command -v udevadm >/dev/null || return 0
    udevadm control --reload || true
    udevadm trigger --subsystem-match=tty --subsystem-match=video4linux || true
}

# say_next: what the technician does now.
say_next() {
    if grep -qs '^[[:space:]]*\[' "${1:-}/etc/linewarden/agent.toml"; then
        echo "linewarden: installed. How the line is: systemctl status linewarden"
    else
        echo "linewarden: installed and rejecting every part: it is not configured yet."
        echo "linewarden: next, type: sudo linewarden setup"
    fi
}
