#!/bin/bash
# Install the Debian packages that the tests use. Needs root, or sudo.
#
# The tests bundle and pack shared emulators, but those of Debian 13 and sid are static. There, Debian 12's emulators
# are unpacked to /usr/local/lib/elfinterp-test-tools/bin, which only scripts/test.js adds to PATH, and Debian 12's
# libcapstone4, their only library that later releases lack in that version, is installed as a package.
#
# Recommended packages are not installed: qemu-user recommends qemu-user-binfmt, which registers the emulators for the
# whole host. The tests register emulators themselves, in their own namespaces.
set -euo pipefail

tools=(
    acl arch-test attr binutils bsdutils buildah busybox ca-certificates chromium chrpath cpio
    curl debian-archive-keyring debootstrap dpkg-dev elfutils fakeroot file fish fonts-dejavu-core g++ gcc gdb git gnupg
    groff-base libc6-dev libcap2-bin lld lld-19 llvm-19 locales mandoc mmdebstrap mold musl-tools patchelf python3
    qemu-user strace uidmap util-linux xz-utils zsh zstd
)
# Packages that not every Debian release has: an LLVM whose strip may differ from that of 19, and gold, which bookworm
# has in binutils.
bookworm=(llvm-14)
trixie=(binutils-gold llvm-17)
sid=(binutils-gold llvm-21)
# The libraries of Debian 12's emulators that later releases have too.
emulator_libraries=(libgcc-s1 libglib2.0-0t64 libgnutls30t64 libnuma1 liburing2 zlib1g)
own_tools=/usr/local/lib/elfinterp-test-tools
as_root=()
# The GNU triplet of each cross compiler, and the Debian architecture of its libc.
targets=(
    aarch64-linux-gnu:arm64 arm-linux-gnueabi:armel arm-linux-gnueabihf:armhf i686-linux-gnu:i386
    mips64el-linux-gnuabi64:mips64el powerpc64-linux-gnu:ppc64 powerpc64le-linux-gnu:ppc64el riscv64-linux-gnu:riscv64
    s390x-linux-gnu:s390x
)

main() {
    local target release
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    for target in "${targets[@]}"; do
        tools+=("gcc-${target%:*}" "libc6-${target#*:}-cross" "libc6-dev-${target#*:}-cross")
    done
    case $release in
        bookworm) tools+=("${bookworm[@]}") ;;
        trixie) tools+=("${trixie[@]}" "${emulator_libraries[@]}") ;;
        # Debian sid has the name of the release after trixie.
        forky) tools+=("${sid[@]}" "${emulator_libraries[@]}") ;;
        *) echo "install-test-tools: only Debian 12, 13 and sid are tested; trying Debian's package names" >&2 ;;
    esac
    "${as_root[@]}" apt-get update -q
    install_packages "${tools[@]}"
    case $release in trixie | forky) install_shared_emulators ;; esac
}

install_packages() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"
}

install_shared_emulators() {
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    (cd "$scratch" && download_from_bookworm qemu-user libcapstone4)
    install_packages "$scratch"/libcapstone4_*.deb
    "${as_root[@]}" rm -rf "$own_tools"
    "${as_root[@]}" mkdir -p "$own_tools"
    dpkg-deb --fsys-tarfile "$scratch"/qemu-user_*.deb |
        "${as_root[@]}" tar -x -C "$own_tools" --no-same-owner --strip-components=2 ./usr/bin
}

# Download packages to the working directory, with a private apt configuration; apt verifies what it downloads.
download_from_bookworm() {
    local options=(
        -o Dir::Etc::SourceList="$PWD/bookworm.list" -o Dir::Etc::SourceParts=/dev/null
        -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User=root
        -o Acquire::Languages=none -o Acquire::Retries=5
    )
    mkdir -p lists/partial cache/archives/partial
    echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main' \
        >bookworm.list
    apt-get "${options[@]}" -q update
    apt-get "${options[@]}" -q download "${@/%//bookworm}"
}

main
