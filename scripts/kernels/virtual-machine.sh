# Virtual machines: kernels of any Debian release, booted by qemu-system with only an initramfs. There the host-wide
# binfmt_misc may be changed freely, and old kernels can be tested. Needs neither KVM nor root.
#
# Source this file. $machines is the directory for downloads, which are kept.

# For each kernel: its release, the package name without the architecture, and the archive.
kernel_releases=(5.10:bullseye 6.1:bookworm 6.12:trixie)

# fetch_packages ARCHITECTURE RELEASE PACKAGE...: unpack Debian packages without installing them. Prints the directory.
fetch_packages() {
    local arch=$1 release=$2 root=$machines/apt/$2-$1 package
    shift 2
    make_apt_root "$root" "$arch" "$release" || return
    for package; do
        package=$(real_package "$root" "$package")
        [ -e "$root/unpacked/$package" ] || unpack_package "$root" "$package" || return
    done
    echo "$root/files"
}

unpack_package() {
    local root=$1 package=$2
    (cd "$root/downloads" && private_apt "$root" apt-get -qq download "$package" &&
        dpkg-deb -x "$package"_*.deb "$root/files" && rm "$package"_*.deb && : > "$root/unpacked/$package") >&2
}

# Prepare a directory in which apt uses one release and one architecture, independent of the host's.
make_apt_root() {
    local root=$1 arch=$2 release=$3
    [ ! -e "$root/ready" ] || return 0
    mkdir -p "$root"/{etc/apt/apt.conf.d,etc/apt/preferences.d,etc/apt/trusted.gpg.d,downloads,files,unpacked} \
        "$root"/var/{lib/apt/lists/partial,lib/dpkg,cache/apt/archives/partial,log/apt}
    : > "$root/var/lib/dpkg/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${ELFINTERP_MIRROR:-http://deb.debian.org/debian} $release main" \
        > "$root/etc/apt/sources.list"
    printf '%s\n' "Dir \"$root\";" "Dir::State::status \"$root/var/lib/dpkg/status\";" "APT::Architecture \"$arch\";" \
        "APT::Architectures {\"$arch\";};" 'APT::Sandbox::User "root";' 'Acquire::Retries "5";' \
        'Acquire::Languages "none";' 'Acquire::Check-Valid-Until "false";' > "$root/apt.conf"
    private_apt "$root" apt-get -qq update >&2 && : > "$root/ready"
}

private_apt() {
    local root=$1
    shift
    APT_CONFIG=$root/apt.conf "$@"
}

# linux-image-cloud-amd64 is a metapackage for the newest linux-image-*-cloud-amd64.
real_package() {
    local name
    name=$(private_apt "$1" apt-cache depends --important "$2" | sed -n 's/^ *Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1)
    echo "${name:-$2}"
}

# fetch_kernel VERSION ARCHITECTURE: print the path of a kernel image.
fetch_kernel() {
    local release files
    release=$(release_of "$1") && files=$(fetch_packages "$2" "$release" "linux-image-cloud-$2") &&
        ls "$files"/boot/vmlinuz-"$1".* | tail -n 1
}

release_of() {
    local each
    for each in "${kernel_releases[@]}"; do
        [ "${each%:*}" != "$1" ] || { echo "${each#*:}"; return; }
    done
    echo "no kernel $1; there are: ${kernel_releases[*]%:*}" >&2
    return 1
}

# Process 1 of the machine, run by busybox's shell: run /job and print its exit status.
write_init() {
    cat > "$1/init" << 'END'
#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox mount -t tmpfs tmpfs /tmp
/bin/busybox ip link set lo up
export PATH=/sbin:/bin:/usr/sbin:/usr/bin HOME=/root
[ ! -e /lib/binfmt_misc.ko ] || /bin/busybox insmod /lib/binfmt_misc.ko
echo; echo '=== begin'
/bin/busybox sh /job 2>&1
echo "=== end $?"
/bin/busybox poweroff -f
END
    chmod 755 "$1/init"
}

# boot_machine VERSION ARCHITECTURE DIRECTORY: boot with only the directory's files, run its /job and print the
# output. The exit status is that of the job, or 125 if the machine did not finish.
boot_machine() {
    local version=$1 arch=$2 directory=$3 kernel busybox initramfs=$3.cpio console=$3.console status
    kernel=$(fetch_kernel "$version" "$arch") && busybox=$(fetch_packages "$arch" bookworm busybox-static) || return 125
    mkdir -p "$directory"/{bin,lib} && cp "$busybox/bin/busybox" "$directory/bin/busybox" && write_init "$directory"
    copy_module "$kernel" binfmt_misc "$directory/lib/binfmt_misc.ko" || return 125
    # Not compressed, because unpacking would take longer than everything else.
    (cd "$directory" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) > "$initramfs"
    "qemu_$arch" "$kernel" "$initramfs" < /dev/null > "$console" 2>&1
    rm -f "$initramfs"
    tr -d '\r' < "$console" | sed -n '/^=== begin$/,/^=== end/{/^===/!p}'
    status=$(tr -d '\r' < "$console" | sed -n 's/^=== end \([0-9]*\)$/\1/p')
    [ -n "$status" ] || { echo "the machine did not finish; the last lines of $console:" >&2; tail -n 5 "$console" >&2; }
    return "${status:-125}"
}

# copy_module KERNEL NAME FILE: copy a module of the kernel's package, uncompressed.
copy_module() {
    local files=${1%/boot/*} version=${1##*/vmlinuz-} module
    module=$(find "$files"/{lib,usr/lib}/modules/"$version" -name "$2.ko*" 2> "$files.err" | head -n 1)
    case $module in
        *.xz) xz -dc "$module" > "$3" ;;
        *.zst) zstd -qdc "$module" > "$3" ;;
        *) cp "$module" "$3" ;;
    esac
}

qemu_amd64() {
    timeout "${ELFINTERP_MACHINE_SECONDS:-1800}" qemu-system-x86_64 -M q35 -cpu max -m 1500 -nographic -no-reboot -nodefaults -serial stdio \
        -kernel "$1" -initrd "$2" -append 'console=ttyS0 panic=-1 quiet no_timer_check'
}

qemu_arm64() {
    timeout "${ELFINTERP_MACHINE_SECONDS:-1800}" qemu-system-aarch64 -M virt -cpu max -m 1500 -nographic -no-reboot -nodefaults -serial stdio \
        -kernel "$1" -initrd "$2" -append 'console=ttyAMA0 panic=-1 quiet'
}
