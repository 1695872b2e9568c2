#!/bin/bash
# Compare the resolver with real loaders: for large programs of this machine, and for every program of minimal Debian
# systems of other architectures. Needs Debian on x86-64, root and the network, a few minutes, and about 1 GB in DIR. No
# other test depends on it.
#
#     scripts/resolver-acceptance.sh [DIR]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=$(realpath -m "${1:-${TMPDIR:-/tmp}/elfinterp-acceptance}")
mirror=${MIRROR:-http://deb.debian.org/debian}
export DEBIAN_FRONTEND=noninteractive

# The guest's architecture, the Debian releases to try in turn, and the emulator. Debian has riscv64 since trixie. If a
# mirror's index of one release does not match its signature, another release may still work.
guests=(armel:bookworm:qemu-arm arm64:bookworm:qemu-aarch64 riscv64:trixie,sid:qemu-riscv64)
large=(/usr/bin/ffmpeg /usr/bin/qemu-system-x86_64 /usr/bin/zenity /usr/bin/qbittorrent)

main() {
    mkdir -p "$dir"
    apt-get install -qq -y --no-install-recommends debootstrap qemu-user ffmpeg qemu-system-x86 zenity qbittorrent \
        > "$dir/apt.log"
    npm --prefix "$here" run --silent build
    local failed=0
    node "$here/scripts/compare-with-loader.js" "${large[@]}" || failed=1
    node "$here/scripts/compare-with-loader.js" || failed=1
    for guest in "${guests[@]}"; do
        IFS=: read -r arch suites emulator <<< "$guest"
        compare_guest "$arch" "$suites" "$emulator" || failed=1
    done
    return "$failed"
}

compare_guest() {
    local arch=$1 suites=$2 emulator=$3 root=$dir/$1
    [ -e "$root/.unpacked" ] || unpack "$arch" "$suites" "$root" ||
        { echo "$arch: debootstrap failed; see $root.log"; return 1; }
    "$here/bin/elfinterp.js" bundle "/usr/bin/$emulator" --into "$root" > "$root.bundle.log"
    node "$here/scripts/compare-with-loader.js" --root "$root"
}

unpack() {
    local arch=$1 suites=$2 root=$3 suite
    for suite in ${suites//,/ }; do
        rm -rf "$root"
        if debootstrap --foreign --variant=minbase --arch="$arch" "$suite" "$root" "$mirror" > "$root.log" 2>&1; then
            touch "$root/.unpacked"
            return
        fi
    done
    return 1
}

main
