# The machine: what must not change, elfinterp itself, and somebody who is not root.

elfinterp() { node "$project/bin/elfinterp.js" "$@"; }

as_user() {
    setpriv --reuid=$user --regid=$user --init-groups \
        env HOME=/home/$user TMPDIR="$work/user" PATH=/usr/local/bin:/usr/bin:/bin "$@"
}

make_user() {
    id $user > "$work/out" 2>&1 || useradd --create-home $user
    grep -q "^$user:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 $user
    mkdir -p "$work/user/cache" && chown -R --no-dereference $user "$work/user/cache" && chown $user "$work/user"
}

remove_user() {
    ! id $user > "$work/out" 2>&1 || userdel --remove $user > "$work/out" 2>&1
}

# The files of an emulator in a chroot.
emulator_files() { find "$1" \( -name '*qemu*' -o -name '*elfinterp*' \) ! -path "$1" ! -path '*/share/doc/*'; }

# No file of an emulator may be there.
free_of_emulators() {
    local found
    found=$(emulator_files "$2")
    if [ -z "$found" ]; then ok "$1: no file of an emulator is left"; else wrong "$1: left are $(head -n 3 <<< "$found" | tr '\n' ' ')"; fi
}

# The host-wide table, the mounts, and the processes of this run: those that have its directory in their arguments,
# and those that execute an emulator of its chroots, whatever that is called where it runs.
machine_state() {
    # Seen by a mount of it that nobody else sees, so that it need not be mounted.
    unshare --mount sh -c 'cd /proc/sys/fs && mount -t binfmt_misc binfmt_misc binfmt_misc && cd binfmt_misc &&
        for name in *; do echo "binfmt_misc: $name"; [ "$name" = register ] || cat "$name"; done'
    cut -d' ' -f4- /proc/self/mountinfo
    ps -e -o args= | grep -e "$work/" | grep -v -e grep -e acceptance
    processes_of_emulators
}

processes_of_emulators() {
    local ours exe identity
    ours=" $(find "$work" -name 'qemu-*' -type f -printf '%D:%i ') "
    for exe in /proc/[0-9]*/exe; do
        identity=$(stat -L -c %d:%i "$exe" 2> "$work/stat.err") || continue
        case $ours in *" $identity "*) echo "$exe" ;; esac
    done
}

part_untouched() {
    # The kernel ends the last processes of a namespace in its own time.
    sleep 1
    machine_state > "$work/after"
    check "the machine's binfmt_misc, mounts and processes are as before" diff "$work/before" "$work/after"
}
