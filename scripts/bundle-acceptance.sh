#!/bin/bash
# Bundle real programs with their data, and do real work with each in an otherwise empty root.
#
#   [ROOT=DIR] scripts/bundle-acceptance.sh [NAME]...
#
# With ROOT, the programs come from that root directory, for example another Debian release; by default, from this
# machine. Each program becomes a plain bundle and a relocatable one. strace records what it opens from start to end.
# Needs Linux 6.7, root or user namespaces, and strace; python3 and openssl serve a repository for git. A program that
# this machine does not have is skipped. Prints a line for each; the exit status is 1 if one of them failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
elfinterp=$PWD/bin/elfinterp.js
work=$(mktemp -d)
chmod 755 "$work"
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT
wanted=("$@")
from=${ROOT:+$(realpath "$ROOT")}
passed=0 failed=0 skipped=0

report() {
    case $2 in ok) passed=$((passed + 1)) ;; skipped*) skipped=$((skipped + 1)) ;; *) failed=$((failed + 1)) ;; esac
    printf '%-24s %s%s\n' "$1" "$2" "${3:+: $(tail -3 <<<"$3" | tr '\n' ' ' | head -c 300)}"
}

is_wanted() { [ ${#wanted[@]} = 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]; }

# try NAME PROGRAM[=DST] OPTIONS... -- [VARIABLE=VALUE...] COMMAND...: @ stands for the bundle's directory.
try() {
    local name=$1 program=$2 options=()
    [ -z "$from" ] || options+=(--root "$from")
    is_wanted "$name" || return
    shift 2
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    if ! [ -x "$from${program%=*}" ]; then report "$name" 'skipped: not installed' ''; return; fi
    form "$name" plain /opt/it "$program" "${options[@]}" --prefix /opt/it -- "$@"
    form "$name" relocatable /moved "$program" "${options[@]}" --relocatable -- "$@"
}

form() {
    local name=$1 form=$2 place=$3 root=$work/root said into options=() variables=()
    shift 3
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    while [[ $1 == *=* ]]; do variables+=(--env "${1//@/$place}"); shift; done
    rm -rf "$root"
    mkdir -p "$root"/{dev,proc,tmp,etc}
    into=$root
    [ "$form" = plain ] || into=$root/built
    if ! said=$("$elfinterp" bundle "${options[@]}" --into "$into" 2>&1); then
        report "$name, $form" 'not bundled' "$said"
        return
    fi
    [ "$form" = plain ] || mv "$root/built" "$root$place"
    # strace runs outside the root but records each path as the program inside passes it.
    if ! said=$(strace -qq -f -o "$work/trace" -e trace=open,openat,execve \
        "$elfinterp" chroot run --no-keep-env --env HOME=/tmp "${variables[@]}" "$root" -- "${@//@/$place}" 2>&1); then
        report "$name, $form" "status $?" "$said"
        return
    fi
    if ! grep -q "execve(\"$place/" "$work/trace"; then report "$name, $form" 'not traced' ''; return; fi
    said=$(opened "$place")
    if [ -n "$said" ]; then report "$name, $form" 'opened outside' "$said"; else report "$name, $form" ok ''; fi
}

# Print the files outside the bundle that were opened after its program started.
opened() {
    sed -nE "\#execve\(\"$1/#,\$p" "$work/trace" |
        grep -vE '= -1 |\+\+\+|\(resumed|<unfinished' |
        grep -oE '"[^"]*"' | tr -d '"' | grep -E '^/' |
        grep -vE "^($1|/tmp|/proc|/dev|/sys|/etc)(/|$)|^/$" | head -3
}

# Serve a directory over TLS, and print the port.
serve_https() {
    exec python3 -u - "$1" "$work/certificate" "$work/key" <<'END'
import functools, http.server, ssl, sys
directory, certificate, key = sys.argv[1:]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=directory)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port)
server.serve_forever()
END
}

inside() { if [ -n "$from" ]; then chroot "$from" "$@"; else "$@"; fi; }
find_inside() { inside sh -c "ls -d $1" 2>/dev/null | tail -1; }

libraries=/usr/lib/$(uname -m)-linux-gnu
java_home=$(dirname "$(dirname "$(inside readlink -f /usr/bin/java)")")
python=$(inside readlink -f /usr/bin/python3)
perl_version=$(inside perl -e 'printf "%vd", $^V' | cut -d. -f1,2)
convert=$(find_inside '/usr/bin/convert-im*.q16')
coders=$(find_inside "$libraries/ImageMagick-*/modules-*/coders")

if is_wanted git && [ -x "$from/usr/bin/git" ] && command -v git >/dev/null; then
    git init -q "$work/origin"
    git -C "$work/origin" -c user.name=x -c user.email=x@y commit -q --allow-empty -m first
    git -C "$work/origin" update-server-info
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 -keyout "$work/key" -out "$work/certificate" 2>/dev/null
    serve_https "$work/origin/.git" >"$work/server" 2>/dev/null &
    server=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ -s "$work/server" ] && break; sleep 0.5; done
    port=$(cat "$work/server")
    try git /usr/bin/git=bin/git --file /usr/lib/git-core=lib/git-core --file /usr/share/git-core/templates=share/templates -- \
        GIT_SSL_NO_VERIFY=1 @/bin/git --exec-path=@/lib/git-core clone --template=@/share/templates "https://127.0.0.1:$port/" /tmp/clone
fi
try python3 "$python=bin/" --file "/usr/lib/${python##*/}=lib/${python##*/}" -- \
    "@/bin/${python##*/}" -c 'import ssl, sqlite3, ctypes, decimal, lzma, venv; venv.create("/tmp/venv"); print(ssl.OPENSSL_VERSION)'
try java "$java_home/bin/java=bin/" --file "$java_home/lib=lib" --file "$java_home/conf=conf" -- @/bin/java -version
try perl /usr/bin/perl=bin/perl --file "/usr/share/perl/$perl_version=share" --file "$libraries/perl-base=arch" \
    --file "$libraries/perl/$perl_version=more" -- \
    @/bin/perl -I@/more -I@/share -I@/arch -e 'use POSIX; use Data::Dumper; use Socket; use Digest::SHA; print Digest::SHA::sha1_hex("")'
try imagemagick "$convert=bin/convert" --file "$coders=coders" -- \
    MAGICK_CODER_MODULE_PATH=@/coders @/bin/convert -size 8x8 xc:red /tmp/red.ppm
try ffmpeg /usr/bin/ffmpeg=bin/ffmpeg -- @/bin/ffmpeg -v error -f lavfi -i testsrc=duration=1 -f null -
node=$(inside readlink -f /usr/bin/node)
if [ -n "$(find_inside /usr/share/nodejs/undici)" ]; then
    # Debian's node reads some of its modules from a compiled-in path.
    options=(${from:+--root "$from"} --prefix /)
    for module in undici cjs-module-lexer acorn acorn-walk minimatch; do
        [ ! -d "$from/usr/share/nodejs/$module" ] || options+=(--file "/usr/share/nodejs/$module=usr/share/nodejs/$module")
    done
    ! is_wanted node || form node plain '' "$node=bin/node" "${options[@]}" -- \
        @/bin/node -p 'require("crypto").randomBytes(4).length'
else
    try node "$node=bin/node" -- @/bin/node -p 'require("crypto").randomBytes(4).length'
fi
try psql "$(find_inside '/usr/lib/postgresql/*/bin/psql')=bin/psql" -- @/bin/psql --version
try vim "$(inside readlink -f /usr/bin/vim)=bin/vim" --file "$(find_inside '/usr/share/vim/vim[0-9]*')=share" -- \
    @/bin/vim -u NONE -es -c 'call writefile(["x"], "/tmp/x")' -c 'qa!'
try screen /usr/bin/screen=bin/screen -- @/bin/screen --version
try nginx /usr/sbin/nginx=sbin/nginx --file /etc/nginx=etc/nginx -- @/sbin/nginx -v
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
