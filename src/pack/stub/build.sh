#!/bin/sh
# Compile the stub for one machine: build.sh x86_64|aarch64 OUTPUT [COMPILER] The committed bytes were built with gcc
# 12.2.0 and binutils 2.40 from Debian 12.
set -eu
here=$(dirname "$0")
machine=$1 output=$2
flags='-Os -fpie -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -fomit-frame-pointer
  -fno-tree-loop-distribute-patterns -fno-ident -fno-jump-tables -Wall -Wextra -Werror'
case $machine in
  x86_64) prefix=; flags="$flags -mgeneral-regs-only -fcf-protection=none -mno-red-zone" ;;
  aarch64) prefix=aarch64-linux-gnu-; flags="$flags -mgeneral-regs-only -mbranch-protection=none -mno-outline-atomics" ;;
  *) echo "no stub for $machine" >&2; exit 2 ;;
esac
object=$(mktemp) linked=$(mktemp)
trap 'rm -f "$object" "$linked"' EXIT
# shellcheck disable=SC2086
${3:-${prefix}gcc} $flags -c -o "$object" "$here/stub.c"
${prefix}ld -pie --no-dynamic-linker -z norelro -z noexecstack --no-warn-rwx-segments -T "$here/stub.ld" -o "$linked" "$object"
${prefix}objcopy -O binary -j .text "$linked" "$output"
