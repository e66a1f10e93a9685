#!/bin/sh
# The host key that only this box has ever known, in place of the one of first contact, which came in user-data.
# `prepare` makes it and prints its public half; `switch` puts it into place. Both may be cut off and repeated.
set -eu
ssh=${DAYBOX_ROOT:-}/etc/ssh
key=$ssh/ssh_host_ed25519_key
own=$ssh/daybox-own-key
public() { ssh-keygen -y -f "$1" | cut -d ' ' -f 1,2; }

case ${1:-} in
prepare)
    if [ ! -s "$own" ]; then
        rm -f "$own.new" "$own.new.pub"
        ssh-keygen -q -t ed25519 -N '' -C daybox -f "$own.new"
        sync
        mv "$own.new" "$own"
    fi
    public "$own"
    ;;
switch)
    if [ "$(public "$own")" != "$(public "$key")" ]; then
        (umask 077 && cat "$own" >"$key.new")
        sync
        mv "$key.new" "$key"
    fi
    public "$key" >"$key.pub"
    for other in "$ssh"/ssh_host_*; do # rsa and ecdsa are nobody's pin
        case $other in "$key" | "$key.pub") ;; *) rm -f "$other" ;; esac
    done
    rm -f "$own.new.pub"
    if systemctl --quiet is-active ssh.socket; then
        systemctl try-restart ssh # Ubuntu starts it by socket: the socket stays, and so do sessions
    else
        systemctl reload ssh
    fi
    ;;
*)
    echo "usage: own-host-key prepare | switch" >&2
    exit 2
    ;;
esac
