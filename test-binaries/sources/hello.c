/*
 * A static program of one page without a libc: it says what uname(2) and argv[0] tell it. Built for ARM it is the
 * smallest proof that an emulator was called, and how.
 */
#include <sys/utsname.h>

#if defined(__arm__)
#define FAMILY "ARM"
#define SYS_EXIT 1
#define SYS_WRITE 4
#define SYS_UNAME 122
__asm__(".globl _start\n_start:\n mov fp, #0\n mov r0, sp\n and sp, sp, #-8\n bl start\n");
static long syscall3(long number, long a, long b, long c) {
    register long r7 __asm__("r7") = number;
    register long r0 __asm__("r0") = a;
    register long r1 __asm__("r1") = b;
    register long r2 __asm__("r2") = c;
    __asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
    return r0;
}
#elif defined(__x86_64__)
#define FAMILY "x86-64"
#define SYS_EXIT 60
#define SYS_WRITE 1
#define SYS_UNAME 63
__asm__(".globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
static long syscall3(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}
#else
#error "hello.c knows ARM and x86-64"
#endif

static char line[4096];
static unsigned long length;

static void say(const char *text) {
    while (*text && length < sizeof line) line[length++] = *text++;
}

/* The kernel's stack at entry: argc, then argv. */
__attribute__((noreturn, used)) void start(const long *stack) {
    struct utsname name;
    syscall3(SYS_UNAME, (long)&name, 0, 0);
    say("hello from " FAMILY ": ");
    say(name.machine);
    for (long i = 0; i < stack[0] && i < 10; i++) {
        char index[] = {'0' + (char)i, 0};
        say(", argv[");
        say(index);
        say("]=");
        say(((const char *const *)(stack + 1))[i]);
    }
    say("\n");
    syscall3(SYS_WRITE, 1, (long)line, (long)length);
    for (;;) syscall3(SYS_EXIT, 0, 0, 0);
}
