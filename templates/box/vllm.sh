#!/bin/sh
# Stage vllm: its containers, one or two, run as compose.yaml says, with a key that this box made itself.
set -eu
root=${DAYBOX_ROOT:-}
key=$root/etc/daybox/vllm-key
compose=$root/opt/daybox/compose.yaml
names=$(sed -n 's/^ *container_name: //p' "$compose")
# shellcheck disable=SC2086
state() { docker inspect --format '{{.State.Running}} {{.State.StartedAt}}' $names 2>/dev/null || true; }

if [ ! -s "$key" ]; then
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$key.new")
    mv "$key.new" "$key"
fi
# What the cloud hands in of vLLM's cache: the local one does. Of a second vLLM it lies in a folder of the first one's.
sed -n "s|^ *- \(/var/lib/daybox/vllm-cache[^:]*\):.*|$root\1|p" "$compose" | while read -r cache; do
    mkdir -p "$cache"
    [ ! -d "$root/var/cache/daybox/vllm-cache" ] || cp -rn "$root/var/cache/daybox/vllm-cache/." "$cache"
done
systemctl --quiet is-active daybox-seal || { echo "not sealed: daybox-seal.service"; exit 1; }
# A reboot in the middle of replacing a container leaves the old one behind as <hash>_vllm, and compose trips over it.
docker ps --all --quiet --filter 'name=_vllm' | xargs -r docker rm --force >/dev/null
before=$(state)
docker compose --project-name daybox --file "$compose" up --detach --remove-orphans
after=$(state)
if [ "$(echo "$after" | grep -c ^true)" != "$(echo "$names" | wc -l)" ]; then
    for name in $names; do docker logs --tail 3 "$name" 2>&1; done
    exit 1
fi
[ "$after" != "$before" ] || echo "@outcome already"
echo "@word running as compose.yaml says"
