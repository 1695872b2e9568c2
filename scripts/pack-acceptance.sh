#!/bin/bash
# Pack real programs and run each one in an empty root: no /lib, no /proc, no /dev.
#
#   scripts/pack-acceptance.sh [DIRECTORY]
#
# Uses programs of this machine, of Debian 11, 13 and sid, and of arm64 roots. mmdebstrap creates missing roots in
# DIRECTORY (by default /tmp/elfinterp-pack), where they are kept. Needs root or user namespaces, mmdebstrap, qemu-user and
# strace. Prints a line for each program; the exit status is 1 if one of them failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
elfinterp=$PWD/bin/elfinterp.js
work=${1:-/tmp/elfinterp-pack}
mirror=${MIRROR:-http://deb.debian.org/debian}
programs=(xz bash curl git gdb perl python3)
passed=0 failed=0
mkdir -p "$work/roots"
empty=$(mktemp -d)
chmod 755 "$empty"
trap 'rm -rf "$empty"' EXIT

# Print arguments with which a program works in an empty root.
question() {
    case $1 in
        bash) echo '-c :' ;;
        git) echo '--exec-path' ;;
        perl) echo '-v' ;;
        ffmpeg) echo '-version' ;;
        *) echo '--version' ;;
    esac
}

# try NAME ROOT PROGRAM [EMULATOR]: pack PROGRAM, run it in an empty root, and check with strace that it does not open the
# host's copy of anything that is packed.
try() {
    local name=$1 root=$2 program=$3 emulator=${4:-} file=$empty/program said status
    local options=(); [ "$root" = / ] || options=(--root "$root")
    rm -f "$empty"/*
    if ! said=$("$elfinterp" pack "${options[@]}" "$program" "$file" 2>&1); then
        report "$name" 'not packed' "$said"; return
    fi
    local inside
    inside=$(sed -nE 's/^(loader|library) +[0-9]+  //p' <<<"$said" | sed 's/, /\n/g; s/[.+]/\\&/g' | paste -sd'|')
    local command=(/program)
    if [ -n "$emulator" ]; then cp "$emulator" "$empty/emulator"; command=(/emulator /program); fi
    # shellcheck disable=SC2046
    said=$(env -i unshare --user --map-root-user --root="$empty" --wd=/ "${command[@]}" $(question "${program##*/}") 2>&1)
    status=$?
    case ${program##*/}:$said in
        git:*/dev/null*) status=0 ;;          # git requires /dev/null
        gdb:*'platform independent libraries'* | gdb:*'index cache'*) status=0 ;; # Python's library is data
    esac
    [ "$status" = 0 ] || { report "$name" "status $status" "$said"; return; }
    if [ -z "$emulator" ]; then
        # shellcheck disable=SC2046
        said=$(env -i "$(command -v strace)" -qq -e trace=open,openat "$file" $(question "${program##*/}") 2>&1 >/dev/null </dev/null |
            grep -E "/($inside)\"" | head -1)
        [ -z "$said" ] || { report "$name" 'opened a library' "$said"; return; }
    fi
    report "$name" ok ''
}

report() {
    if [ "$2" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    printf '%-28s %s%s\n' "$1" "$2" "${3:+: $(head -c 200 <<<"$3" | head -1)}"
}

# root NAME SUITE ARCHITECTURE PACKAGES
root() {
    [ -d "$work/roots/$1" ] && return
    mmdebstrap --mode=root --variant=extract --architectures="$3" --include="$4" "$2" "$work/roots/$1" "$mirror" >"$work/$1.log" 2>&1 ||
        { report "$1" 'cannot create the root' "$(tail -1 "$work/$1.log")"; return 1; }
}

# Debian 11 has bash only in /bin.
inside() {
    if [ -e "$work/roots/$1/usr/bin/$2" ]; then echo "/usr/bin/$2"; else echo "/bin/$2"; fi
}

for program in "${programs[@]}" qemu-arm qemu-aarch64 node ffmpeg; do
    file=$(PATH=/usr/bin:/bin command -v "$program") && try "$program" / "$file"
done
for suite in bullseye trixie sid; do
    root "$suite" "$suite" amd64 bash,xz-utils,curl,git,gdb,perl,python3 || continue
    for program in "${programs[@]}"; do try "$suite $program" "$work/roots/$suite" "$(inside "$suite" "$program")"; done
done
"$elfinterp" pack --closed "$(command -v qemu-aarch64)" "$work/emulator" >/dev/null
for suite in bookworm sid; do
    root "arm64-$suite" "$suite" arm64 bash,xz-utils,curl,python3 || continue
    for program in xz bash curl python3; do
        try "arm64 $suite $program" "$work/roots/arm64-$suite" "$(inside "arm64-$suite" "$program")" "$work/emulator"
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
