#!/bin/bash
# Install the Debian packages that the tests use. Needs root, or sudo.
#
# Recommended packages are not installed: qemu-user recommends qemu-user-binfmt, which registers the emulators for the
# whole host. The tests register emulators themselves, in their own namespaces.
set -euo pipefail

tools=(
    acl arch-test attr binutils bsdutils buildah busybox ca-certificates chromium chrpath cpio
    debian-archive-keyring debootstrap dpkg-dev elfutils fakeroot file fish fonts-dejavu-core g++ gcc gdb git gnupg
    groff-base libc6-dev libcap2-bin lld lld-19 llvm-19 locales mandoc mmdebstrap mold musl-tools patchelf python3
    qemu-user strace uidmap util-linux xz-utils zsh zstd
)
# Packages of a single Debian release: bookworm has LLVM 14, whose strip differs from that of 19, and gold in binutils.
bookworm=(llvm-14)
trixie=(binutils-gold)
# The GNU triplet of each cross compiler, and the Debian architecture of its libc.
targets=(
    aarch64-linux-gnu:arm64 arm-linux-gnueabi:armel arm-linux-gnueabihf:armhf i686-linux-gnu:i386
    mips64el-linux-gnuabi64:mips64el powerpc64-linux-gnu:ppc64 powerpc64le-linux-gnu:ppc64el riscv64-linux-gnu:riscv64
    s390x-linux-gnu:s390x
)

main() {
    local as_root=() target
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    for target in "${targets[@]}"; do
        tools+=("gcc-${target%:*}" "libc6-${target#*:}-cross" "libc6-dev-${target#*:}-cross")
    done
    case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
        bookworm) tools+=("${bookworm[@]}") ;;
        trixie) tools+=("${trixie[@]}") ;;
        *) echo "install-test-tools: only Debian 12 and 13 are tested; trying Debian's package names" >&2 ;;
    esac
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${tools[@]}"
}

main
