#!/bin/bash
# The whole of what elfinterp promises about chroots, against the Debian mirror: too long for `npm test`.
#
#   npm run acceptance:chroot [-- SECTION...]      sections: architectures packages user mmdebstrap thirteen
#
# Needs root, the network, and the packages debootstrap mmdebstrap qemu-user uidmap. Makes a user `elfaccept` and
# removes it. The machine's binfmt_misc is never touched, which is checked in the end.
set -u
cd "$(dirname "$0")/.."
project=$PWD
work=${ELFINTERP_ACCEPTANCE_DIR:-$(mktemp -d -t elfinterp-acceptance-XXXXXX)}
suite=${ELFINTERP_SUITE:-bookworm}
mirror=${ELFINTERP_MIRROR:-http://deb.debian.org/debian}
user=elfaccept
failures=0

elfinterp() { node "$project/bin/elfinterp.js" "$@"; }
as_user() { setpriv --reuid=$user --regid=$user --init-groups env HOME=/home/$user PATH=/usr/local/bin:/usr/bin:/bin "$@"; }
pass() { echo "PASS  $*"; }
fail() { echo "FAIL  $*"; failures=$((failures + 1)); }
check() { # check WHAT COMMAND...
  local what=$1; shift
  if "$@" >"$work/out" 2>"$work/err"; then pass "$what"; else fail "$what: $(tail -n 3 "$work/out" "$work/err" | tr '\n' ' ')"; fi
}
# Like check, and standard error must stay empty.
quietly() {
  local what=$1; shift
  if "$@" >"$work/out" 2>"$work/err" && [ ! -s "$work/err" ]; then pass "$what"; else fail "$what: $(head -c 400 "$work/err")"; fi
}
emulator_files() { find "$1" -name '*qemu*' -o -name '*elfinterp*' | grep -v -e /usr/share/doc/ -e '^'"$1"'$'; }
state() {
  ls /proc/sys/fs/binfmt_misc 2>/dev/null
  cut -d' ' -f4- /proc/self/mountinfo
  ps -e -o args= | grep -e "$work" | grep -v -e grep -e acceptance
  # Emulators of this run's chroots, whatever they are called where they run.
  local ours exe
  ours=" $(find "$work" -name 'qemu-*' -type f -printf '%D:%i ') "
  for exe in /proc/[0-9]*/exe; do
    case $ours in *" $(stat -L -c %d:%i "$exe" 2>/dev/null) "*) echo "$exe" ;; esac
  done
}

create() { # create ARCH TARGET ARGS...
  local arch=$1 target=$2; shift 2
  local start=$SECONDS
  mkdir -p "$work/cache"
  if elfinterp chroot create "$suite" "$target" "$mirror" --arch "$arch" --variant minbase --cache-dir "$work/cache" "$@" \
      >"$target.log" 2>&1 && grep -q '^I: Base system installed successfully' "$target.log"; then
    pass "$arch: Base system installed successfully, $((SECONDS - start)) s"
  else
    fail "$arch: $(tail -n 2 "$target.log" | tr '\n' ' ')"
  fi
}

architectures() {
  for arch in armhf arm64 ppc64el s390x i386; do
    create $arch "$work/$arch"
    [ -z "$(emulator_files "$work/$arch")" ] && pass "$arch: no file of an emulator is left" || fail "$arch: $(emulator_files "$work/$arch" | head -n 3)"
    if [ $arch = i386 ]; then
      grep -q 'runs i386 programs itself' "$work/i386.log" && pass 'i386: said that no emulator is needed' || fail 'i386: not said'
      check 'i386: apt-get runs' elfinterp chroot run "$work/$arch" -- apt-get --version
    else
      elfinterp chroot install "$work/$arch" >/dev/null 2>&1
      check "$arch: apt-get runs with an emulator installed afterwards" elfinterp chroot run "$work/$arch" -- apt-get --version
    fi
    rm -rf "${work:?}/$arch"
  done
}

packages() {
  local c=$work/armel
  [ -e "$c/bin/sh" ] || create armel "$c" --keep
  inside() { elfinterp chroot run "$c" --resolv-conf --env LC_ALL=C --env DEBIAN_FRONTEND=noninteractive -- "$@"; }
  check 'armel: apt-get update' inside apt-get update
  check 'armel: build-essential and fakeroot are installed' inside apt-get install -y --no-install-recommends build-essential fakeroot
  grep -e 'ld\.so' -e 'wrong ELF class' "$work/err" >&2 && fail 'the host loader said something'
  mkdir -p "$c/root/hello/debian"
  cat >"$c/root/hello/hello.c" <<'C'
#include <stdio.h>
int main(void) { puts("hello"); return 0; }
C
  quietly 'armel: a C program is compiled and runs' inside sh -c 'cd /root/hello && gcc -O1 -o hello hello.c && [ "$(./hello)" = hello ]'
  quietly 'armel: fakeroot' inside sh -c 'touch /tmp/f && fakeroot sh -c "chown 0:0 /tmp/f; stat -c %u:%g /tmp/f" | grep -qx 0:0'
  quietly 'armel: ldd shows ARM libraries' inside sh -c 'ldd /bin/ls | grep -q arm-linux-gnueabi/libc.so.6 && ! ldd /bin/ls | grep -q x86'
  quietly 'armel: perl -e' inside perl -e 'exit(6 * 7 != 42)'
  printf '3.0 (native)\n' >"$c/root/hello/debian/format"
  mkdir -p "$c/root/hello/debian/source" && mv "$c/root/hello/debian/format" "$c/root/hello/debian/source/"
  printf 'hello (1.0) unstable; urgency=low\n\n  * First.\n\n -- Nobody <nobody@example.org>  Thu, 01 Jan 2026 00:00:00 +0000\n' >"$c/root/hello/debian/changelog"
  printf 'Source: hello\nMaintainer: Nobody <nobody@example.org>\nStandards-Version: 4.6.2\n\nPackage: hello\nArchitecture: any\nDescription: says hello\n In a foreign chroot.\n' >"$c/root/hello/debian/control"
  printf '#!/usr/bin/make -f\nclean:\n\trm -rf debian/tmp hello\nbuild build-arch:\n\tgcc -O1 -o hello hello.c\nbuild-indep:\nbinary-indep:\nbinary binary-arch: build\n\tinstall -D hello debian/tmp/usr/bin/hello\n\tmkdir -p debian/tmp/DEBIAN\n\tdpkg-gencontrol\n\tdpkg-deb --root-owner-group --build debian/tmp ..\n' >"$c/root/hello/debian/rules"
  chmod +x "$c/root/hello/debian/rules"
  check 'armel: dpkg-buildpackage' inside sh -c 'cd /root/hello && dpkg-buildpackage -us -uc -b && ls ../hello_1.0_armel.deb'
  grep -q -e 'ELFCLASS' -e 'cannot be preloaded' "$work/out" "$work/err" && fail 'the host loader said something' || pass 'armel: no message of the host loader'
}

make_user() {
  id $user >/dev/null 2>&1 || useradd --create-home $user
  grep -q "^$user:" /etc/subuid || usermod --add-subuids 700000-765535 --add-subgids 700000-765535 $user
  mkdir -p "$work/user" && chown $user "$work/user" && chmod 755 "$work"
}

user() {
  make_user
  cd "$work/user" || return
  local start=$SECONDS
  check 'user: chroot create' as_user node "$project/bin/elfinterp.js" chroot create "$suite" ./c "$mirror" --arch armel --variant minbase --keep
  grep -q 'Base system installed successfully' "$work/err" && pass "user: Base system installed successfully, $((SECONDS - start)) s" || fail 'user: not installed'
  check 'user: apt-get --version' as_user node "$project/bin/elfinterp.js" chroot run ./c -- apt-get --version
  check 'user: apt-get update' as_user node "$project/bin/elfinterp.js" chroot run ./c -- apt-get update
  cd "$project" || return
}

mmdebstrap_hooks() {
  make_user
  check 'mmdebstrap: an armel tarball as an ordinary user' as_user env TMPDIR="$work/user" mmdebstrap --mode=unshare \
    --variant=essential --architectures=armel --skip=check/qemu --hook-dir="$project/share/elfinterp/mmdebstrap" \
    "$suite" "$work/user/armel.tar" "$mirror"
  tar -tf "$work/user/armel.tar" | grep -q -e qemu -e elfinterp -e debootstrap/ && fail 'mmdebstrap: an emulator is in the tarball' || pass 'mmdebstrap: no file of an emulator in it'
  if mmdebstrap --mode=unshare --variant=extract --architectures=armel --skip=check/qemu \
      --hook-dir="$project/share/elfinterp/mmdebstrap" "$suite" "$work/root.tar" "$mirror" >"$work/out" 2>&1; then
    fail 'mmdebstrap: run by root it was not refused'
  else
    grep -q 'without a user namespace' "$work/out" && pass 'mmdebstrap: run by root it is refused' || fail "mmdebstrap: $(tail -n 2 "$work/out")"
  fi
}

thirteen() {
  local targets='aarch64 arm armeb i386 mips mips64el mipsel ppc ppc64le riscv64 s390x sh4 sparc64' root=$work/thirteen names=()
  mkdir -p "$root/bin" && cp test-binaries/armel/hello-static "$root/bin/sh"
  for target in $targets; do names+=("/usr/bin/qemu-$target"); done
  check 'thirteen emulators in one chroot' elfinterp chroot install "$root" "${names[@]}"
  check 'thirteen: verified' elfinterp chroot verify "$root"
  check 'thirteen: run' elfinterp chroot run "$root" -- /bin/sh
  echo "      libraries $(du -sk "$root/debootstrap/qemu-libs" | cut -f1) KiB once, with the emulators $(du -sk "$root/debootstrap" | cut -f1) KiB"
  (cd "$work" && apt-get download -qq qemu-user-static >/dev/null 2>&1 && dpkg-deb -x qemu-user-static_*.deb static)
  local size=0
  for target in $targets; do size=$((size + $(du -k "$work/static/usr/bin/qemu-$target-static" | cut -f1))); done
  echo "      thirteen static ones: $size KiB"
}

state >"$work/before"
for section in ${*:-architectures packages user mmdebstrap thirteen}; do
  case $section in
    mmdebstrap) mmdebstrap_hooks ;;
    architectures | packages | user | thirteen) $section ;;
    *) echo "no such section: $section" >&2; exit 2 ;;
  esac
done
id $user >/dev/null 2>&1 && userdel --remove $user 2>/dev/null
state >"$work/after"
diff "$work/before" "$work/after" >"$work/out" && pass "the machine's binfmt_misc, mounts and processes are as before" || fail "the machine: $(head -n 5 "$work/out")"
[ -n "${ELFINTERP_ACCEPTANCE_DIR:-}" ] || rm -rf "$work"
echo "$failures failed"
[ $failures = 0 ]
