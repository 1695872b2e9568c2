# Sourced by build.sh and matrix.sh: the toolchains, how to link with each linker, and two changes to a linked
# file that no linker makes on request.
set -euo pipefail
export LC_ALL=C
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")/sources" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# name, compiler, how to run what it makes (nothing: natively)
toolchains='
x86_64    x86_64-linux-gnu-gcc
i386      i686-linux-gnu-gcc            qemu-i386 -L /usr/i686-linux-gnu
armel     arm-linux-gnueabi-gcc         qemu-arm -L /usr/arm-linux-gnueabi
armhf     arm-linux-gnueabihf-gcc       qemu-arm -L /usr/arm-linux-gnueabihf
aarch64   aarch64-linux-gnu-gcc         qemu-aarch64 -L /usr/aarch64-linux-gnu
riscv64   riscv64-linux-gnu-gcc         qemu-riscv64 -L /usr/riscv64-linux-gnu
ppc64     powerpc64-linux-gnu-gcc       qemu-ppc64 -L /usr/powerpc64-linux-gnu
ppc64le   powerpc64le-linux-gnu-gcc     qemu-ppc64le -L /usr/powerpc64le-linux-gnu
s390x     s390x-linux-gnu-gcc           qemu-s390x -L /usr/s390x-linux-gnu
mips64el  mips64el-linux-gnuabi64-gcc   qemu-mips64el -L /usr/mips64el-linux-gnuabi64
musl      musl-gcc
'
names=$(awk '{print $1}' <<<"$toolchains")
dynamic_architectures=$(grep -v musl <<<"$names")

compiler_of() { awk -v name="$1" '$1 == name {print $2}' <<<"$toolchains"; }
runner_of() { awk -v name="$1" '$1 == name {$1 = $2 = ""; sub(/^ +/, ""); print}' <<<"$toolchains"; }

# A cross gcc knows no lld and no mold of its own target; one directory each, with the linker named `ld`, does it.
for linker in lld lld-19 mold; do
    mkdir "$scratch/$linker"
    path=$(command -v "ld.$linker" || true)
    [ -z "$path" ] || ln -s "$path" "$scratch/$linker/ld"
done

# gcc's options that select a linker: bfd, gold, lld, lld-19 or mold
with_linker() {
    case $1 in
        bfd | gold) echo "-fuse-ld=$1" ;;
        *) echo "-B$scratch/$1" ;;
    esac
}

# build TOOLCHAIN LINKER OUTPUT ARGUMENT...
build() {
    local toolchain=$1 linker=$2 output=$3
    shift 3
    # shellcheck disable=SC2046
    "$(compiler_of "$toolchain")" $(with_linker "$linker") -o "$output" "$@"
}

# Fields of one kind of segment as `readelf -l` prints them: number, offset, vaddr, paddr, filesz, memsz, ...
segments() { readelf -lW "$2" | awk '/^  Type /{table = 1; next} /^$/{table = 0} table && !/\[Req/ {print n++, $0}' | awk -v type="$1" '$2 == type'; }

# Overwrite FILE at OFFSET with standard input.
overwrite() { dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# Take the section headers away, and every byte that no segment loads, as sstrip does.
strip_sections() {
    local file=$1 end=0 last offset size
    while read -r _ _ offset _ _ size _; do
        last=$((offset + size))
        end=$((last > end ? last : end))
    done < <(segments LOAD "$file")
    truncate -s "$end" "$file"
    if readelf -hW "$file" 2>/dev/null | grep -q 'Class: *ELF64'; then
        head -c 8 /dev/zero | overwrite "$file" 40 # e_shoff
        head -c 4 /dev/zero | overwrite "$file" 60 # e_shnum, e_shstrndx
    else
        head -c 4 /dev/zero | overwrite "$file" 32
        head -c 4 /dev/zero | overwrite "$file" 48
    fi
}

# Move the last LOAD to the end of the program header table of a 64-bit file; some linkers and packers leave it so.
move_last_load_to_the_end() {
    local file=$1 entry=56 table=64 number count
    number=$(segments LOAD "$file" | tail -n 1 | cut -d' ' -f1)
    count=$(readelf -hW "$file" | awk '/Number of program headers/ {print $NF}')
    {
        tail -c +$((table + (number + 1) * entry + 1)) "$file" | head -c $(((count - number - 1) * entry))
        tail -c +$((table + number * entry + 1)) "$file" | head -c $entry
    } >"$scratch/headers"
    overwrite "$file" $((table + number * entry)) <"$scratch/headers"
}
