busybox find /chroot | busybox sort > /tmp/before
minor=$(busybox uname -r | busybox cut -d. -f2)
major=$(busybox uname -r | busybox cut -d. -f1)
if [ "$major" -gt 6 ] || [ "$major" = 6 ] && [ "$minor" -ge 7 ]; then
    try 'chroot run needs nothing in the chroot' 'hello from ARM: armv7l' elfinterp chroot run /chroot
    try 'binfmt run' 'hello from ARM: armv7l' elfinterp binfmt run armel -- /container/bin/hello
else
    try 'chroot run says what this kernel does not support' 'expected Linux 6.7 or later' elfinterp chroot run /chroot
    try 'and what to do' 'elfinterp binfmt register qemu-arm --global' elfinterp chroot run /chroot
    try 'doctor reports it' 'before Linux 6.7' elfinterp doctor /chroot
    busybox mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
    try 'follow that advice' 'qemu-arm' elfinterp binfmt register qemu-arm --global
    try 'chroot run --global' 'hello from ARM: armv7l' elfinterp chroot run --global /chroot
fi
busybox find /chroot | busybox sort > /tmp/after
busybox diff /tmp/before /tmp/after > /tmp/difference
try 'no file was added to the chroot' '^status 0$' echo "status $?"
