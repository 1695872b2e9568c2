#!/bin/bash
# What elfinterp promises about chroots, shown on real ones from the Debian mirror: too long for `npm test`.
#
#     npm run acceptance:chroot [-- PART...]
#
#     create      chroot create as root, one architecture after the other: $ELFINTERP_ARCHITECTURES
#     user        chroot create as an ordinary user
#     packages    compilers, fakeroot, ldd, perl, a package build inside; the host's loader says nothing
#     killed      kill -9 in the middle of the second stage; what it left is taken out, and the rest is done after all
#     mmdebstrap  the hooks, in unshare mode
#     speed       bench/chroot.js: patched shared, wrapper, static
#     thirteen    thirteen emulators share one library directory
#     doctor      chroots broken on purpose, each mended by what doctor says
#     hostile     manifests and links that lead out of a chroot
#
# Default: all of them, in this order. A line `ok` or `NOT` for each thing that was tried, in the end PASS or FAIL for
# each part, and for `untouched`: the machine's binfmt_misc, mounts and processes, before and after.
#
# Root, the network, and the packages debootstrap mmdebstrap qemu-user uidmap. A user `elfaccept` is made and removed.
# ELFINTERP_ACCEPTANCE_DIR keeps what is made, downloads above all; ELFINTERP_SUITE, ELFINTERP_MIRROR.
set -u
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(realpath -m "${ELFINTERP_ACCEPTANCE_DIR:-$(mktemp -d -t elfinterp-acceptance-XXXXXX)}")
suite=${ELFINTERP_SUITE:-bookworm}
mirror=${ELFINTERP_MIRROR:-http://deb.debian.org/debian}
# As ARCHITECTURE or ARCHITECTURE:SUITE; bookworm has no riscv64.
architectures=${ELFINTERP_ARCHITECTURES:-armel armhf arm64 riscv64:sid ppc64el s390x i386}
user=elfaccept
order=(create user packages killed mmdebstrap speed thirteen doctor hostile)

for file in "$project"/scripts/chroot-acceptance/*.sh; do . "$file"; done

main() {
    local part parts=("$@")
    [ $# -gt 0 ] || parts=("${order[@]}")
    for part in "${parts[@]}"; do
        [[ " ${order[*]} " == *" $part "* ]] || { echo "no such part: $part; there are: ${order[*]}" >&2; exit 2; }
    done
    mkdir -p "$work/cache" && chmod 755 "$work"
    machine_state > "$work/before"
    for part in "${parts[@]}"; do run_part "$part"; done
    remove_user
    run_part untouched
    printf '%s\n' '' "${verdicts[@]}"
    [ -n "${ELFINTERP_ACCEPTANCE_DIR:-}" ] || rm -rf "$work"
    [[ "${verdicts[*]}" != *FAIL* ]]
}

main "$@"
