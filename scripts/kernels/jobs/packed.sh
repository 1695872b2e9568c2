# Everything runs in /packed, which contains only the packed programs: no /proc, no library.
in_empty_root() { busybox chroot /packed "$@"; }
try 'xz' '^xz (XZ Utils)' in_empty_root /xz --version
try 'bash' '^42$' in_empty_root /bash -c 'echo $((6 * 7))'
try 'curl' '^curl ' in_empty_root /curl --version
# These programs require /dev/null.
busybox mkdir /packed/dev && busybox mknod -m 666 /packed/dev/null c 1 3
try 'git' '^git version' in_empty_root /git --version
# gdb's Python requires its library, which is data.
try 'gdb' '^GNU gdb\|^Python not initialized' in_empty_root /gdb --version
try 'bash at fixed addresses' '^42$' in_empty_root /bash-fixed -c 'echo $((6 * 7))'
try 'curl at fixed addresses' '^curl ' in_empty_root /curl-fixed --version
try 'gdb at fixed addresses' '^GNU gdb\|^Python not initialized' in_empty_root /gdb-fixed --version
try 'perl' '^1764$' in_empty_root /perl -e 'print 42 ** 2, "\n"'
try 'node' '^1764$' in_empty_root /node -p '42 ** 2'
try 'qemu-arm, run directly' 'hello from ARM: armv7l' in_empty_root /qemu-arm /bin/hello
busybox mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
echo ':qemu-arm:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/packed/qemu-arm:F' > /proc/sys/fs/binfmt_misc/register
busybox rm /packed/qemu-arm
try 'qemu-arm, registered with flag F and deleted' 'hello from ARM: armv7l' in_empty_root /bin/hello
