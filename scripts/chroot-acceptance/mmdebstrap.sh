part_mmdebstrap() {
    local hooks=$project/share/elfinterp/mmdebstrap
    local arguments=(--mode=unshare --variant=essential --architectures=armel --skip=check/qemu --hook-dir="$hooks")
    make_user
    rm -f "$work/user/armel.tar"
    check 'mmdebstrap makes an armel tarball in unshare mode' \
        as_user mmdebstrap "${arguments[@]}" "$suite" "$work/user/armel.tar" "$mirror"
    no_host_loader mmdebstrap
    check 'the tarball has a system' tar -tf "$work/user/armel.tar" ./usr/bin/dpkg
    tar -tf "$work/user/armel.tar" > "$work/out"
    ! grep -e qemu -e elfinterp -e ./debootstrap "$work/out" || wrong 'an emulator is in the tarball'
    ok "no file of an emulator among its $(wc -l < "$work/out") files"
    # mmdebstrap's own status counts here, not ours.
    if mmdebstrap "${arguments[@]}" "$suite" "$work/root.tar" "$mirror" > "$work/out" 2>&1; then
        wrong 'as root, without a user namespace, it was not refused'
    else
        shows 'as root, without a user namespace, it is refused' 'runs without a user namespace'
    fi
}
