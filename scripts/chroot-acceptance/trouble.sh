# Broken and hostile chroots.

# The tests break chroots, look for the finding by its code, run its remedy, and check that the program then runs.
part_doctor() {
    (cd "$project" && CI=1 node scripts/test.js test/chroot/doctor.test.ts) > "$work/out" 2>&1 ||
        wrong "$(grep '^not ok' "$work/out" | head -n 3)"
    sed -n 's/^ok [0-9]* - /ok   /p' "$work/out"
    shows 'nothing was skipped' '^[0-9]* passed, 0 failed$'
}

part_hostile() {
    local passwd
    passwd=$(sha256sum /etc/passwd)
    outside=$work/outside
    for trap in names_passwd climbs_out links_away; do spring "$trap"; done
    [ "$passwd" = "$(sha256sum /etc/passwd)" ] || wrong '/etc/passwd changed'
}

names_passwd() { sed -i 's#"/debootstrap/qemu-arm"#"/etc/passwd"#' "$1/debootstrap/qemu-libs/manifest.json"; }
climbs_out() { sed -i 's#"/debootstrap/qemu-arm"#"../../x"#' "$1/debootstrap/qemu-libs/manifest.json"; }
links_away() { rm -rf "$1/debootstrap" && ln -s /etc "$1/debootstrap"; }

# Run every command that could change a file next to a chroot.
spring() {
    local root=$outside/a/c before
    rm -rf "$outside" && mkdir -p "$root/bin" && echo precious > "$outside/x"
    cp "$project/test-binaries/armel/hello-static" "$root/bin/sh"
    elfinterp chroot install "$root" > "$work/out" 2>&1 || wrong "$1: not installed"
    "$1" "$root"
    before=$(everything)
    refused "$1: install" 'refused\|symbolic link\|not a real directory' elfinterp chroot install "$root"
    refused "$1: run" 'refused\|symbolic link' elfinterp chroot run "$root" -- /bin/sh
    refused "$1: remove" 'refused\|symbolic link' elfinterp chroot remove "$root"
    refused "$1: remove --force" 'refused\|symbolic link' elfinterp chroot remove "$root" --force
    if [ "$before" = "$(everything)" ]; then ok "$1: no file changed"; else wrong "$1: files changed"; fi
}

# Print names, times and contents around the chroot, and in /etc, the target of one of the traps.
everything() {
    find "$outside" /etc -printf '%p %T@ %C@ %s %m\n'
    sha256sum "$outside/x"
}
