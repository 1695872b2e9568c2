# From `ld --verbose` to a linker script with .rodata right behind the program header table, in front of .interp and notes:
# a table that cannot grow in place, because code addresses the bytes behind it.
1,/^====/d
/^====/,$d
/^  \.rodata  /d
s/SIZEOF_HEADERS;$/&\n  .rodata : { *(.rodata .rodata.* .gnu.linkonce.r.*) }/
