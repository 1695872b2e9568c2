#!/bin/bash
# Rebuild the committed test programs: build.sh [DIRECTORY], by default where this script lies.
#
# Needs Debian's gcc and the cross compilers that README.md lists. The same compilers give the same bytes; other
# versions give other bytes that serve as well.
. "$(dirname "${BASH_SOURCE[0]}")/toolchains.sh"
cd "${1:-$(dirname "${BASH_SOURCE[0]}")}"
mkdir -p $names

probe=$sources/probe.c
pie='-Os -fPIE -pie'
exec='-Os -fno-PIE -no-pie -s'
bare='-Os -nostdlib -nostartfiles -fno-stack-protector -Wl,--build-id=none'

# Every architecture: a PIE with its symbols, a stripped program at a fixed address.
for name in $names; do
    build "$name" bfd "$name/probe-pie" $pie "$probe"
    build "$name" bfd "$name/probe-exec" $exec "$probe"
done

# The other linkers. lld and mold leave no slack, lld no spare DT_NULL.
for linker in gold lld mold; do
    build x86_64 $linker x86_64/probe-$linker-pie $pie "$probe"
    build x86_64 $linker x86_64/probe-$linker-exec $exec "$probe"
done
build armhf gold armhf/probe-gold-exec $exec "$probe"
build armhf lld armhf/probe-lld-pie $pie "$probe"
build i386 lld i386/probe-lld-exec $exec "$probe"
build s390x mold s390x/probe-mold-pie $pie "$probe"
build riscv64 mold riscv64/probe-mold-exec $exec "$probe"
build aarch64 lld aarch64/probe-lld-pie $pie "$probe"
build mips64el lld mips64el/probe-lld-exec $exec "$probe"

# Programs without PT_INTERP: the first without, the second with a dynamic section.
build x86_64 bfd x86_64/hello-static $bare -fno-PIE -static "$sources/hello.c"
build x86_64 bfd x86_64/hello-static-pie $bare -fPIE -static-pie "$sources/hello.c"
build armel bfd armel/hello-static $bare -fno-PIE -static -s "$sources/hello.c"

# A library with symbol versions, and programs that look for it beside themselves.
for name in x86_64 armhf s390x; do
    build $name bfd $name/libprobe.so.1 -Os -fPIC -shared -Wl,-soname,libprobe.so.1 \
        -Wl,--version-script="$sources/libprobe.map" "$sources/libprobe.c"
    build $name bfd $name/needs-libprobe $pie -s "$sources/needs-libprobe.c" $name/libprobe.so.1 \
        -Wl,--enable-new-dtags,-rpath,'$ORIGIN'
done
build x86_64 bfd x86_64/needs-libprobe-rpath $pie -s "$sources/needs-libprobe.c" x86_64/libprobe.so.1 \
    -Wl,--disable-new-dtags,-rpath,'$ORIGIN:/nowhere'

# What other tools leave behind.
for name in x86_64 armhf s390x; do
    cp $name/probe-pie $name/probe-nosections
    strip_sections $name/probe-nosections
done
build x86_64 bfd x86_64/probe.o -Os -c "$probe"
objcopy --only-keep-debug x86_64/probe-pie x86_64/probe.debug
