#!/bin/bash
# Test chroots end to end with real ones from the Debian mirror. Takes too long for `npm test`.
#
#     npm run acceptance:chroot [-- PART...]
#
#     create      chroot create as root, for each architecture in $ELFINTERP_ARCHITECTURES
#     user        chroot create as an ordinary user
#     packages    compilers, fakeroot, ldd, perl and a package build inside, without messages from the host's loader
#     killed      kill -9 during the second stage; clean up what it left, then resume and finish
#     mmdebstrap  the hooks, in unshare mode
#     speed       bench/chroot.js: patched shared, wrapper, static
#     thirteen    thirteen emulators that share one library directory
#     doctor      chroots broken on purpose, each fixed by following doctor's advice
#     hostile     manifests and links that lead out of a chroot
#
# By default, runs all parts in this order. Prints `ok` or `NOT` for each check, and finally PASS or FAIL for each part
# and for `untouched`, which compares the host's binfmt_misc, mounts and processes before and after.
#
# Needs root, the network, and the packages debootstrap mmdebstrap qemu-user uidmap. Creates a user `elfaccept` and
# removes it. ELFINTERP_ACCEPTANCE_DIR is a directory to keep, mainly for downloads; ELFINTERP_SUITE and
# ELFINTERP_MIRROR choose the suite and the mirror.
set -u
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(realpath -m "${ELFINTERP_ACCEPTANCE_DIR:-$(mktemp -d -t elfinterp-acceptance-XXXXXX)}")
suite=${ELFINTERP_SUITE:-bookworm}
mirror=${ELFINTERP_MIRROR:-http://deb.debian.org/debian}
# ARCHITECTURE or ARCHITECTURE:SUITE; bookworm has no riscv64.
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
