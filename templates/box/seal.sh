#!/bin/sh
# The unit daybox-seal: the rules hold, and those of the system's daemons that this box has may ask.
set -eu
nft -f "${DAYBOX_ROOT:-}/opt/daybox/seal.nft"
# What asks for names inside a program of ours has that program's group.
for user in systemd-resolve systemd-timesync systemd-network _chrony ntpsec; do
    uid=$(id -u "$user" 2>/dev/null) || continue
    nft add element inet daybox daemons "{ $uid }"
done
