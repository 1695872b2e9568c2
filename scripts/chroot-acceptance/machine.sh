# Record the state of the host, which must not change; run elfinterp; and make an ordinary user.

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

# Print the files of an emulator in a chroot.
emulator_files() { find "$1" \( -name '*qemu*' -o -name '*elfinterp*' \) ! -path "$1" ! -path '*/share/doc/*'; }

# Require that no file of an emulator is left.
free_of_emulators() {
    local found
    found=$(emulator_files "$2")
    if [ -z "$found" ]; then ok "$1: no file of an emulator is left"; else wrong "$1: these are left: $(head -n 3 <<< "$found" | tr '\n' ' ')"; fi
}

# Print the host-wide table, the mounts, and the processes of this run: those with its directory in their arguments, and
# those that execute an emulator of its chroots, whatever its name is inside.
machine_state() {
    # A private mount shows the table even if the host has not mounted it.
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
    # The kernel may take a moment to end the last processes of a namespace.
    sleep 1
    machine_state > "$work/after"
    check "the machine's binfmt_misc, mounts and processes are as before" diff "$work/before" "$work/after"
}
