# Install, build and run software inside an armel chroot.

part_packages() {
    chroot=$work/armel
    [ -e "$chroot/usr/libexec/elfinterp" ] || { rm -rf "$chroot"; create armel "$suite" "$chroot" --keep; }
    check 'apt-get update' inside apt-get -qq update
    no_host_loader 'apt-get update'
    check 'apt-get install build-essential fakeroot' inside apt-get -qq install -y build-essential fakeroot
    no_host_loader 'apt-get install'
    make_source "$chroot/root/hello"
    silent 'compile and run a C program' \
        inside sh -c 'cd /root/hello && gcc -O1 -o hello hello.c && [ "$(./hello)" = "hello from armv7l" ]'
    silent "fakeroot sh -c 'chown 0:0 f; stat f'" inside sh -c 'cd /root && : > f && fakeroot sh -c "chown 0:0 f; stat f"'
    shows 'f belongs to root' 'Uid: (    0/    root)   Gid: (    0/    root)'
    silent 'ldd /bin/ls' inside ldd /bin/ls
    shows 'ldd lists ARM libraries' 'libc.so.6 => /lib/arm-linux-gnueabi/libc.so.6'
    ! grep -q -e x86 -e gnutls "$work/out" || wrong "ldd lists the emulator's libraries"
    silent "perl -e 'print 6 * 7'" inside perl -e 'print 6 * 7'
    shows 'perl prints 42' '^42$'
    check 'dpkg-buildpackage' inside sh -c 'cd /root/hello && dpkg-buildpackage -us -uc'
    no_host_loader 'dpkg-buildpackage'
    silent 'list the package that was built' inside dpkg-deb --contents /root/hello_1.0_armel.deb
    shows 'it contains the program, owned by root' 'root/root .* ./usr/bin/hello'
}

inside() { elfinterp chroot run "$chroot" --env LC_ALL=C --env DEBIAN_FRONTEND=noninteractive -- "$@"; }

# Write a source package that needs only build-essential.
make_source() {
    mkdir -p "$1/debian/source"
    cat > "$1/hello.c" << 'C'
#include <stdio.h>
#include <sys/utsname.h>

int main(void) {
  struct utsname name;
  uname(&name);
  printf("hello from %s\n", name.machine);
  return 0;
}
C
    echo '3.0 (native)' > "$1/debian/source/format"
    cat > "$1/debian/changelog" << 'TEXT'
hello (1.0) unstable; urgency=low

  * First.

 -- Nobody <nobody@example.org>  Thu, 01 Jan 2026 00:00:00 +0000
TEXT
    cat > "$1/debian/control" << 'TEXT'
Source: hello
Maintainer: Nobody <nobody@example.org>
Standards-Version: 4.6.2

Package: hello
Architecture: any
Description: says hello
 In a foreign chroot.
TEXT
    cat > "$1/debian/rules" << 'MAKE'
#!/usr/bin/make -f
clean:
	rm -rf debian/tmp hello
build build-arch:
	gcc -O1 -o hello hello.c
build-indep binary-indep:
binary binary-arch: build
	install -D hello debian/tmp/usr/bin/hello
	mkdir -p debian/tmp/DEBIAN
	chown -R root:root debian/tmp
	dpkg-gencontrol
	dpkg-deb --build debian/tmp ..
MAKE
    chmod +x "$1/debian/rules"
}
