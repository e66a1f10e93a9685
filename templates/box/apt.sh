#!/bin/sh
# `apt PACKAGE...` installs, one caller at a time, and waits for whoever else holds apt's locks.
set -eu
lists=${DAYBOX_ROOT:-}/run/daybox-apt
exec 9>"$lists.lock"
flock 9
# None yet, or a source was added.
if [ -z "$(find "$lists" -newer "${DAYBOX_ROOT:-}/etc/apt/sources.list.d" 2>/dev/null)" ]; then
    # No option waits for the lock of the lists.
    for _ in 1 2 3 4 5 6; do
        # Otherwise a mirror that is not reached counts as success.
        apt-get -qq -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any update && { touch "$lists"; break; }
        sleep 10
    done
fi
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
install() { apt-get -qqy --no-install-recommends -o APT::Sandbox::User=root -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 install "$@"; }
# A reboot may have cut off an earlier one.
install "$@" || { dpkg --configure -a && install "$@"; }
