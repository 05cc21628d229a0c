#!/usr/bin/env bash
# Makes a Debian 12 machine a lab machine: Python, the five daemons, tshark, limits; then runs
# the tests. Run as root; may be run again at any time.
#
#   BGPLAB_DIR   /vagrant   the checkout
#   BGPLAB_USER  vagrant    who works in it
set -euo pipefail

checkout=${BGPLAB_DIR:-/vagrant}
user=${BGPLAB_USER:-vagrant}
export DEBIAN_FRONTEND=noninteractive

# A file is written only if it would change; the answer tells whether it did.
write() {
    local content
    content=$(cat)
    [ "$content" != "$(cat "$1" 2>/dev/null || true)" ] || return 1
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "$content" >"$1"
}

echo "== packages"
packages=(python3 python3-pip python3-venv git rsync ruby shellcheck tshark
    bird2 frr gobgpd openbgpd exabgp)
missing=()
for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
if ((${#missing[@]})); then
    # Several of them want port 179: none may start while it is installed.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    apt-get update -q
    apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

# A lab starts the daemons that it wants, each with a configuration of its own.
echo "== services off"
for service in bird frr gobgpd openbgpd exabgp; do
    if systemctl cat "$service.service" >/dev/null 2>&1; then
        systemctl disable --now "$service.service"
    fi
done

# One router is one process with a descriptor per peer; a thousand routers pass the usual limits.
echo "== limits"
write /etc/security/limits.d/bgplab.conf <<'LIMITS' || true
*    - nofile 65536
*    - nproc  65536
root - nofile 65536
LIMITS
if write /etc/sysctl.d/60-bgplab.conf <<'KERNEL'; then
kernel.pid_max = 131072
KERNEL
    sysctl -q -p /etc/sysctl.d/60-bgplab.conf
fi
if write /etc/systemd/system/user-.slice.d/60-bgplab.conf <<'SLICE'; then
[Slice]
TasksMax=65536
SLICE
    systemctl daemon-reload
fi

echo "== tests"
cd "$checkout"
runuser -u "$user" -- python3 dev.py test
