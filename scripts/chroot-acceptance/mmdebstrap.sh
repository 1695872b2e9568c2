part_mmdebstrap() {
    local hooks=$project/share/elfinterp/mmdebstrap
    local arguments=(--mode=unshare --variant=essential --architectures=armel --skip=check/qemu --hook-dir="$hooks")
    make_user
    rm -f "$work/user/armel.tar"
    check 'mmdebstrap creates an armel tarball in unshare mode' \
        as_user mmdebstrap "${arguments[@]}" "$suite" "$work/user/armel.tar" "$mirror"
    no_host_loader mmdebstrap
    check 'the tarball contains a system' tar -tf "$work/user/armel.tar" ./usr/bin/dpkg
    tar -tf "$work/user/armel.tar" > "$work/out"
    ! grep -e qemu -e elfinterp -e ./debootstrap "$work/out" || wrong 'the tarball contains an emulator'
    ok "none of its $(wc -l < "$work/out") files belongs to an emulator"
    # Check the exit status of mmdebstrap, not of elfinterp.
    if mmdebstrap "${arguments[@]}" "$suite" "$work/root.tar" "$mirror" > "$work/out" 2>&1; then
        wrong 'as root, without a user namespace, the hook did not refuse'
    else
        shows 'as root, without a user namespace, the hook refuses' 'runs without a user namespace'
    fi
}
