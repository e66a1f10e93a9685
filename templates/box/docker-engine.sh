#!/bin/sh
# Stage docker: Docker with compose, nft for the seal, and NVIDIA's toolkit where there is a GPU.
set -eu
root=${DAYBOX_ROOT:-}
apt=$root/opt/daybox/bin/apt
has_gpu() { cat "$root"/sys/bus/pci/devices/*/vendor 2>/dev/null | grep -qx 0x10de; }
has_docker() { docker compose version && command -v nft; }
knows_gpu() { ! has_gpu || docker info --format '{{json .Runtimes}}' | grep -q nvidia; }
# start|restart: if it does not, its own last words are the stage's; what failed before must not count against it.
docker_must() {
    systemctl reset-failed docker.service docker.socket 2>/dev/null || true
    systemctl "$1" docker || { journalctl --unit=docker --lines=5 --output=cat --no-pager; exit 1; }
}
end() {
    docker version --format '@word Docker {{.Server.Version}}'
    exit
}

# NAME KEY-URL FINGERPRINT SOURCE: an apt source whose only key has the full fingerprint that is written down here.
source_of() {
    key=$root/etc/apt/keyrings/$1.asc
    mkdir -p "${key%/*}"
    curl -fsSL --retry 5 -o "$key.new" "$2"
    found=$(gpg --show-keys --with-colons "$key.new" | awk -F: '$1 == "pub" { p = 1 } $1 == "fpr" && p { print $10; p = 0 }')
    if [ "$found" != "$3" ]; then
        echo "$2 has key ${found:-none}, not $3"
        exit 1
    fi
    mv "$key.new" "$key"
    echo "deb [signed-by=$key] $4" >"$root/etc/apt/sources.list.d/$1.list"
}

if has_docker; then
    docker_must start
    if knows_gpu; then
        echo "@outcome already"
        end
    fi
fi
"$apt" ca-certificates curl gpg nftables
# Now that there is nft, and before any container.
systemctl start daybox-seal
. "$root/etc/os-release"
if ! has_docker; then
    # Source: docs.docker.com/engine/install/debian
    url=https://download.docker.com/linux/$ID
    source_of docker "$url/gpg" 9DC858229FC7DD38854AE2D88D81803C0EBFCD88 "$url $VERSION_CODENAME stable"
    "$apt" docker-ce docker-ce-cli containerd.io docker-compose-plugin
fi
if ! knows_gpu; then
    # Source: docs.nvidia.com/datacenter/cloud-native/container-toolkit; the key is of cudatools@nvidia.com.
    url=https://nvidia.github.io/libnvidia-container
    source_of nvidia "$url/gpgkey" C95B321B61E88C1809C4F759DDCAE044F796ECB0 "$url/stable/deb/$(dpkg --print-architecture) /"
    "$apt" nvidia-container-toolkit
    nvidia-ctk runtime configure --runtime=docker
    docker_must restart
fi
docker_must start
knows_gpu
end
