# Compare the cost of a shared emulator with others. The static emulator and the static shell are unpacked rather than
# installed, because installing qemu-user-static would register it for the whole machine.

static_programs() {
    [ -e "$work/static/usr/bin/qemu-arm-static" ] || (
        mkdir -p "$work/static" && cd "$work/static" &&
            apt-get -qq download qemu-user-static busybox-static 2> "$work/apt.err" &&
            for package in ./*.deb; do dpkg-deb -x "$package" .; done
    )
}

part_speed() {
    local chroot=$work/armel first=$work/first-stage
    check 'static programs to compare with' static_programs
    [ -e "$chroot/bin/sh" ] || create armel "$suite" "$chroot" --keep
    [ -e "$first/debootstrap/debootstrap" ] || check 'a first stage' debootstrap --foreign --arch=armel \
        --variant=minbase --cache-dir="$work/cache" "$suite" "$first" "$mirror"
    check 'three ways to start an emulator' node "$project/bench/chroot.js" "$chroot" --aims \
        --shell "$work/static/bin/busybox" --static "$work/static/usr/bin/qemu-arm-static" --second-stage "$first"
    sed 's/^/     /' "$work/out"
}

targets='aarch64 arm armeb m68k mips mips64el mipsel ppc ppc64le riscv64 s390x sh4 sparc64'

part_thirteen() {
    local root=$work/thirteen shared=() separate=() target
    for target in $targets; do
        shared+=("/usr/bin/qemu-$target")
        separate+=("$work/static/usr/bin/qemu-$target-static")
    done
    rm -rf "$root" && mkdir -p "$root/bin" && cp "$project/test-binaries/armel/hello-static" "$root/bin/sh"
    check 'static programs to compare with' static_programs
    check 'install thirteen emulators in one chroot' elfinterp chroot install "$root" "${shared[@]}"
    silent 'verified' elfinterp chroot verify "$root"
    silent 'run' elfinterp chroot run "$root" -- /bin/sh
    [ "$(find "$root/debootstrap" -mindepth 1 -type d)" = "$root/debootstrap/qemu-libs" ] || wrong 'more than one directory'
    [ "$(find "$root/debootstrap" -maxdepth 1 -type f | wc -l)" = 13 ] || wrong 'not thirteen emulators'
    local libraries emulators statics
    libraries=$(kibibytes "$root/debootstrap/qemu-libs")
    emulators=$(($(kibibytes "$root/debootstrap") - libraries))
    statics=$(kibibytes "${separate[@]}")
    echo "     shared: libraries (once) $libraries KiB; thirteen emulators $emulators KiB; total $((libraries + emulators)) KiB"
    echo "     static: thirteen emulators $statics KiB"
    if [ $((libraries + emulators)) -lt "$statics" ]; then ok 'the total is smaller than static'; else wrong 'the total is larger than static'; fi
}

kibibytes() { du -ck --apparent-size "$@" | tail -n 1 | cut -f1; }
