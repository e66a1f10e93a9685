#!/bin/sh
# Stage driver: NVIDIA's open modules run, from the distribution's packages, without a reboot where that is possible.
set -eu
root=${DAYBOX_ROOT:-}
apt=$root/opt/daybox/bin/apt
noted=$root/var/lib/daybox/driver-reboot
kernel=$(uname -r)
boot=$(cat /proc/sys/kernel/random/boot_id)

# A container's /sys may have no PCI bus at all: that is no GPU, too.
has_gpu() { cat "$root"/sys/bus/pci/devices/*/vendor 2>/dev/null | grep -qx 0x10de; }
# CUDA 13, which vLLM's image is built with, needs R580 or newer; Debian 13's own packages may be older.
runs() { modprobe nvidia && modprobe nvidia-uvm && nvidia-smi -L; }
end() {
    found=$(nvidia-smi --query-gpu=driver_version,name --format=csv,noheader)
    echo "@word $found"
    [ "${found%%.*}" -lt 580 ] || exit 0
    echo "driver $found is too old for vLLM's image"
    exit 1
}

install_ubuntu() {
    # Prebuilt for the kernel that runs; else built here for it; else prebuilt for the newest, which then needs a boot.
    server=580-server-open
    set -- nvidia-headless-no-dkms-$server nvidia-utils-580-server
    "$apt" "$@" "linux-modules-nvidia-$server-$kernel" ||
        "$apt" "$@" nvidia-dkms-$server "linux-headers-$kernel" ||
        "$apt" "$@" linux-modules-nvidia-$server-generic
}
install_debian() {
    sed -i '/^Components:/s/$/ contrib non-free non-free-firmware/' "$root"/etc/apt/sources.list.d/*.sources || true
    sed -i '/^deb /s/ main.*/ main contrib non-free non-free-firmware/' "$root/etc/apt/sources.list" || true
    "$apt" "linux-headers-$kernel" nvidia-open-kernel-dkms nvidia-smi libcuda1 firmware-nvidia-gsp
}

if ! has_gpu; then
    echo "@outcome passed"
    echo "@word no NVIDIA device on the PCI bus"
    exit
fi
if runs; then
    echo "@outcome already"
    end
fi
. "$root/etc/os-release"
"install_$ID"
# It may hold the card.
modprobe -r nouveau || true
if runs; then
    end
fi
if [ "$(cat "$noted" 2>/dev/null || echo "$boot")" != "$boot" ]; then
    echo "the modules do not load into kernel $kernel, not even after a reboot"
    exit 1
fi
# Nobody installs meanwhile: a dpkg that is cut off leaves its packages half made.
exec 9>"$root/run/daybox-apt.lock"
flock 9
echo "$boot" >"$noted"
sync
echo "@word one reboot: the modules do not load into kernel $kernel"
systemctl reboot
# The next boot goes on from here; nothing may follow in this one.
sleep infinity
