#!/bin/sh
# Stage vllm: the container runs as compose.yaml says, with a key that this box made itself.
set -eu
root=${DAYBOX_ROOT:-}
key=$root/etc/daybox/vllm-key
state() { docker inspect --format '{{.State.Running}} {{.State.StartedAt}}' vllm 2>/dev/null || true; }

if [ ! -s "$key" ]; then
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$key.new")
    mv "$key.new" "$key"
fi
cache=$root/var/lib/daybox/vllm-cache
mkdir -p "$cache"
# What the cloud hands in of it: the local one does.
[ ! -d "$root/var/cache/daybox/vllm-cache" ] || cp -rn "$root/var/cache/daybox/vllm-cache/." "$cache"
systemctl --quiet is-active daybox-seal || { echo "not sealed: daybox-seal.service"; exit 1; }
# A reboot in the middle of replacing the container leaves the old one behind as <hash>_vllm, and compose trips over it.
docker ps --all --quiet --filter 'name=_vllm$' | xargs -r docker rm --force >/dev/null
before=$(state)
docker compose --project-name daybox --file "$root/opt/daybox/compose.yaml" up --detach --remove-orphans
case $(state) in
"$before") echo "@outcome already" ;;
true*) ;;
*) docker logs --tail 3 vllm 2>&1; exit 1 ;;
esac
echo "@word running as compose.yaml says"
