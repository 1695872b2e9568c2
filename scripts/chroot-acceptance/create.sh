# Create Debian systems from scratch.

# create ARCHITECTURE SUITE TARGET ARGUMENTS...
create() {
    local arch=$1 suite=$2 target=$3 start=$SECONDS
    shift 3
    if elfinterp chroot create "$suite" "$target" "$mirror" --arch "$arch" --variant minbase \
        --cache-dir "$work/cache" "$@" > "$target.log" 2>&1 &&
        grep -q '^I: Base system installed successfully' "$target.log"; then
        ok "$suite $arch: Base system installed successfully, $((SECONDS - start)) s"
    else
        wrong "$suite $arch: $(tail -n 2 "$target.log" | tr '\n' ' ')"
    fi
}

part_create() {
    local each
    for each in $architectures; do
        local arch=${each%:*} of=$suite
        [ "$each" = "$arch" ] || of=${each#*:}
        rm -rf "${work:?}/$arch"
        create_one "$arch" "$of" "$work/$arch"
        # The part `packages` uses this one.
        [ "$arch" = armel ] || rm -rf "${work:?}/$arch"
    done
}

create_one() {
    local arch=$1 target=$3
    case $arch in
        i386)
            create i386 "$2" "$target" --keep
            check 'i386: says that this machine needs no emulator' grep 'runs i386 programs itself' "$target.log"
            free_of_emulators i386 "$target"
            silent 'i386: apt-get --version' elfinterp chroot run "$target" -- apt-get --version
            ;;
        armel)
            create armel "$2" "$target" --keep
            silent 'armel, --keep: apt-get --version' elfinterp chroot run "$target" -- apt-get --version
            shows 'armel: apt is built for armel' '(armel)'
            ;;
        *)
            create "$arch" "$2" "$target"
            free_of_emulators "$arch" "$target"
            check "$arch: install an emulator again" elfinterp chroot install --prefix /usr/libexec/elfinterp "$target"
            silent "$arch: apt-get --version" elfinterp chroot run "$target" -- apt-get --version
            shows "$arch: apt is built for $arch" "($arch)"
            check "$arch: remove it again" elfinterp chroot remove "$target"
            free_of_emulators "$arch" "$target"
            ;;
    esac
}

part_user() {
    local start=$SECONDS as=(as_user node "$project/bin/elfinterp.js" chroot)
    make_user
    cd "$work/user" || return
    remove_as_user c
    check 'user: chroot create bookworm ./c --arch armel --variant minbase' \
        "${as[@]}" create bookworm ./c "$mirror" --arch armel --variant minbase --cache-dir cache --keep
    shows "user: Base system installed successfully, $((SECONDS - start)) s" 'Base system installed successfully'
    silent 'user: apt-get --version' "${as[@]}" run ./c -- apt-get --version
    silent 'user: apt-get update' "${as[@]}" run ./c -- apt-get -qq update
    check 'user: chroot remove' "${as[@]}" remove ./c
    free_of_emulators user "$work/user/c"
    remove_as_user c
    cd "$project" || return
}

# In an ordinary user's chroot, some files belong to subordinate IDs.
remove_as_user() { as_user unshare --map-root-user --map-auto rm -rf "$1"; }

part_killed() {
    local target=$work/killed pid
    rm -rf "$target"
    # Do not use the function: the signal would kill its shell instead of Node.
    node "$project/bin/elfinterp.js" chroot create "$suite" "$target" "$mirror" --arch armel --variant minbase \
        --cache-dir "$work/cache" > "$target.log" 2>&1 &
    pid=$!
    while kill -0 $pid 2> "$work/err" && ! grep -q 'Unpacking required packages' "$target.log"; do sleep 0.2; done
    # Wait until dpkg is at work.
    sleep 5
    [ -n "$(processes_of_emulators)" ] && ok 'programs of the second stage are running' || wrong 'no program is running'
    kill -9 $pid
    wait $pid 2> "$work/err"
    sleep 1
    machine_state > "$work/after"
    check "after kill -9: binfmt_misc, mounts and processes are as before" diff "$work/before" "$work/after"
    check 'chroot remove cleans up what it left' elfinterp chroot remove "$target"
    free_of_emulators killed "$target"
    check '--resume finishes it' elfinterp chroot create --resume "$target"
    shows 'Base system installed successfully' 'Base system installed successfully'
    free_of_emulators killed "$target"
    rm -rf "$target"
}
