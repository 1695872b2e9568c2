busybox mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
in_container() { busybox chroot /container "$@"; }
try 'before: the program does not run' "can't execute\\|not found\\|Exec format error\\|syntax error" in_container /bin/hello
try 'binfmt register qemu-arm --global prints the path of the file' 'packed into one file, /var/lib/elfinterp/qemu-arm' \
    elfinterp binfmt register qemu-arm --global
try 'the entry has F' '^flags: P\?F' busybox cat /proc/sys/fs/binfmt_misc/qemu-arm
try 'a chroot without /proc and without an emulator' 'hello from ARM: armv7l' in_container /bin/hello
try 'argv[0] is preserved, and no argument is added' 'argv\[0\]=/bin/hello$' in_container /bin/hello
try 'a second registration is refused' 'the name is already in use' elfinterp binfmt register qemu-arm --global
try 'without --global it is refused' 'use --global' elfinterp binfmt register qemu-aarch64
try 'and writes no file' 'No such file' busybox ls /var/lib/elfinterp/qemu-aarch64
try 'doctor reports no problem' 'no problem found\|KERNEL\|^$' elfinterp doctor /chroot
elfinterp binfmt register qemu-aarch64 --export binfmt.d > /tmp/line 2> /tmp/err
try 'the export names the file for the next boot' ':/var/lib/elfinterp/qemu-aarch64:P\?F$' busybox cat /tmp/line
busybox cat /tmp/line > /proc/sys/fs/binfmt_misc/register
try 'and can be registered unchanged' '^enabled' busybox cat /proc/sys/fs/binfmt_misc/qemu-aarch64
elfinterp binfmt unregister qemu-arm qemu-aarch64 --global > /tmp/said 2>&1
try 'unregister' '^status 0$' echo "status $?"
try 'removes the entries' 'register' busybox ls /proc/sys/fs/binfmt_misc
try 'and the files' '^0$' busybox sh -c 'ls /var/lib/elfinterp | wc -l'
try 'and the program no longer runs' "can't execute\\|not found\\|Exec format error\\|syntax error" in_container /bin/hello
