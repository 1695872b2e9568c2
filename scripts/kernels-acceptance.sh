#!/bin/bash
# Test packed programs and registered emulators on older and newer kernels: Debian's kernels in virtual machines, where
# the host-wide binfmt_misc may be changed. Takes too long for `npm test`.
#
#     npm run acceptance:kernels [-- PART...]
#
#     packed     packed programs in an empty root, without /proc, on each kernel
#     global     binfmt register --global: a shared emulator as one file, a container-like chroot without /proc,
#                unregister, and the export for the next boot
#     run        chroot run: with a private table since 6.7; before that, its error message, and with --global
#     arm64      a packed arm64 program on an arm64 kernel
#
# By default, runs all parts. Prints `ok` or `NOT` for each check, and finally PASS or FAIL for each part.
#
# Needs the network, the packages qemu-system-x86 qemu-system-arm qemu-user cpio, and xz bash curl git gdb perl and node
# to pack. ELFINTERP_ACCEPTANCE_DIR is a directory to keep, mainly for downloads; ELFINTERP_KERNELS and ELFINTERP_MIRROR
# choose the kernels and the mirror.
set -u
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(realpath -m "${ELFINTERP_ACCEPTANCE_DIR:-$(mktemp -d -t elfinterp-kernels-XXXXXX)}")
machines=$work/machines
kernels=${ELFINTERP_KERNELS:-5.10 6.1 6.12}
order=(packed global run arm64)

. "$project/scripts/chroot-acceptance/report.sh"
for file in "$project"/scripts/kernels/{virtual-machine,parts}.sh; do . "$file"; done

elfinterp() { node "$project/bin/elfinterp.js" "$@"; }

main() {
    local part parts=("$@")
    [ $# -gt 0 ] || parts=("${order[@]}")
    for part in "${parts[@]}"; do
        [[ " ${order[*]} " == *" $part "* ]] || { echo "no such part: $part; there are: ${order[*]}" >&2; exit 2; }
    done
    mkdir -p "$work"
    export ELFINTERP_CACHE=$work/cache
    for part in "${parts[@]}"; do run_part "$part"; done
    printf '%s\n' '' "${verdicts[@]}"
    [ -n "${ELFINTERP_ACCEPTANCE_DIR:-}" ] || rm -rf "$work"
    [[ "${verdicts[*]}" != *FAIL* ]]
}

main "$@"
