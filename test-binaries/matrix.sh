#!/bin/bash
# Build the matrix of linkers, architectures and layouts: matrix.sh DIRECTORY [TOOLCHAIN...]
#
# One line a program on standard output, separated by tabs: name, file, architecture, linker, options, run command
# (empty: natively). To run a library, run ARCHITECTURE/library-user with it as libprobe.so.1. A line `# NAME: REASON` says what a linker cannot do, or what it makes that does not run.
. "$(dirname "${BASH_SOURCE[0]}")/toolchains.sh"
[ $# -ge 1 ] || { echo "usage: $0 DIRECTORY [TOOLCHAIN...]" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
shift
ulimit -c 0

# linkers, name of the layout, options of gcc; two names stand for a change that no option makes, `library` for a
# shared library and a program that needs it. lld 19 is there for what lld 14 cannot do: RISC-V, s390x, and DT_RELR
# in the way that glibc wants.
layouts='
bfd,gold,lld,lld-19,mold  default
bfd,gold,lld,lld-19,mold  library           -Wl,-soname,libprobe.so.1
bfd,lld,lld-19,mold       separate-code     -Wl,-z,separate-code
bfd,lld,lld-19,mold       noseparate-code   -Wl,-z,noseparate-code
bfd,gold,lld,lld-19,mold  relro-now         -Wl,-z,relro,-z,now
bfd,gold,lld,mold         norelro           -Wl,-z,norelro
bfd,gold,lld,mold         runpath           -Wl,--enable-new-dtags,-rpath,/opt/runpath/lib
bfd,lld-19                relr              -Wl,-z,pack-relative-relocs
lld,mold                  relr              -Wl,--pack-dyn-relocs=relr
bfd,gold,lld,lld-19,mold  emit-relocs       -Wl,--emit-relocs
bfd,gold,lld,mold         sysv-hash         -Wl,--hash-style=sysv
bfd,gold,lld,lld-19,mold  page-64K          -Wl,-z,max-page-size=0x10000
bfd,gold,lld,lld-19,mold  page-2M           -Wl,-z,max-page-size=0x200000
bfd                       rodata-first
bfd,lld                   rw-load-last
'

version_script=-Wl,--version-script=$sources/libprobe.map

main() {
    local name
    for name in "$@"; do
        (($(jobs -rp | wc -l) < $(nproc))) || wait -n
        one_toolchain "$name" >"$scratch/$name.tsv" &
    done
    wait
    for name in "$@"; do cat "$scratch/$name.tsv"; done
}

one_toolchain() {
    local toolchain=$1 compiler linkers layout options linker kind kinds unable=' '
    compiler=$(compiler_of "$toolchain")
    mkdir -p "$toolchain"
    "$compiler" -O2 -fPIE -c -o "$scratch/$toolchain-pie.o" "$sources/probe.c"
    "$compiler" -O2 -fno-PIE -c -o "$scratch/$toolchain-no-pie.o" "$sources/probe.c"
    "$compiler" -O2 -fPIC -c -o "$scratch/$toolchain-shared.o" "$sources/libprobe.c"
    build_library_user
    while read -r linkers layout options; do
        for linker in ${linkers//,/ }; do
            [[ $unable != *" $linker "* ]] || continue
            kinds='pie no-pie'
            [ "$layout" != library ] || kinds=shared
            for kind in $kinds; do one_program; done
        done
    done < <(grep . <<<"$layouts")
}

build_library_user() {
    mkdir "$scratch/$toolchain-library"
    build "$toolchain" bfd "$scratch/$toolchain-library/libprobe.so.1" -shared "$scratch/$toolchain-shared.o" \
        -Wl,-soname,libprobe.so.1 "$version_script"
    build "$toolchain" bfd "$toolchain/library-user" -O2 "$sources/needs-libprobe.c" \
        "$scratch/$toolchain-library/libprobe.so.1"
}

# Uses the variables of one_toolchain. A linker that cannot do the first layout does none of this machine.
one_program() {
    local name=$toolchain-$linker-$layout-$kind status=0
    local file=$toolchain/$linker-$layout-$kind log=$scratch/$toolchain.log
    if ! link_program >"$log" 2>&1 || grep -q 'ignored' "$log"; then
        echo "# $name: $(first_error "$log")"
        [ "$layout" != default ] || unable="$unable$linker "
        rm -f "$file"
        return
    fi
    { run_program >"$log" 2>&1 || status=$?; } 2>/dev/null
    if [ $status -ne 0 ]; then
        echo "# $name: links, but does not run: exit status $status $(head -n 1 "$log")"
        rm -f "$file"
    else
        printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$PWD/$file" "$toolchain" "$linker" "-$kind $layout" \
            "$(runner_of "$toolchain")"
    fi
}

run_program() {
    local runner
    runner=$(runner_of "$toolchain")
    [ "$layout" = library ] || { $runner "./$file"; return; }
    cp "$file" "$scratch/$toolchain-library/libprobe.so.1"
    env ${runner:+$runner -E} "LD_LIBRARY_PATH=$scratch/$toolchain-library" "$toolchain/library-user"
}

link_program() {
    local extra=$options
    [ "$layout" != library ] || extra="$extra $version_script"
    if [ "$layout" = rodata-first ]; then
        "$compiler" -$kind -fuse-ld=bfd -Wl,--verbose -o "$file" "$scratch/$toolchain-$kind.o" |
            sed -f "$sources/order.lds.sed" >"$scratch/$toolchain.lds"
        extra=-Wl,-T,$scratch/$toolchain.lds
    fi
    # shellcheck disable=SC2086
    build "$toolchain" "$linker" "$file" -$kind "$scratch/$toolchain-$kind.o" $extra || return
    if [ "$layout" = rw-load-last ]; then
        readelf -hW "$file" | grep -q 'Class: *ELF64' || { echo 'error: for 64-bit files only'; return 1; }
        move_last_load_to_the_end "$file"
    fi
}

# The line that says why, without the directories in it.
first_error() {
    { grep -iE 'error|unknown|undefined|ignored' "$1" || cat "$1"; } | head -n 1 | tr '\t' ' ' | sed 's|/[^ ]*/||g'
}

# shellcheck disable=SC2086
main ${@:-$names}
