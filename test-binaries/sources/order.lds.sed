# From `ld --verbose` to a linker script with .rodata right behind the program header table, in front of .interp:
# a table that cannot grow in place, because code addresses the bytes behind it.
1,/^====/d
/^====/,$d
/^  \.rodata  /d
s/^  \.interp  .*/  .rodata : { *(.rodata .rodata.* .gnu.linkonce.r.*) }\n&/
