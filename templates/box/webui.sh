#!/bin/sh
# The unit daybox-webui: Open WebUI's container runs as webui.yaml says, with secrets that this box made itself.
set -eu
root=${DAYBOX_ROOT:-}
for name in secret password; do
    file=$root/etc/daybox/webui-$name
    if [ ! -s "$file" ]; then
        (umask 077 && od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file.new")
        mv "$file.new" "$file"
    fi
done
mkdir -p "$root/var/lib/daybox/webui"
# vLLM's own is made by its stage.
[ -s "$root/etc/daybox/vllm-key" ] || { echo "vLLM has no key yet"; exit 1; }
systemctl --quiet is-active daybox-seal || { echo "not sealed: daybox-seal.service"; exit 1; }
# It pulls the image if there is none.
exec docker compose --project-name daybox-webui --file "$root/opt/daybox/webui.yaml" up --detach --quiet-pull
