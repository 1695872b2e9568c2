/*
 * A program that knows when an edit has damaged it. It prints one fixed line and exits 0 when everything that a
 * loader sets up is as it was linked: zero-initialised memory, thread-local variables, relocated tables. What is
 * wrong it names, and exits 1.
 */
#include <stdio.h>
#include <string.h>

#define BIG (300 * 1024)

static volatile unsigned char big[BIG]; /* .bss, longer than four 64K pages */
static volatile unsigned char initialised[64] = {1, 2, 3, [63] = 64}; /* .data */
static __thread volatile int tls_value = 0x5eed; /* .tdata */
static __thread volatile int tls_zero[33]; /* .tbss */

struct row {
    const char *name;
    int (*function)(int);
    const volatile void *data;
};

static int twice(int n) { return 2 * n; }
static int square(int n) { return n * n; }

/* Pointers in constant data: relative relocations, below PT_GNU_RELRO in a PIE. */
static const struct row *volatile rows_seen;
static const struct row rows[] = {
    {"twice", twice, &big[1]},
    {"square", square, &initialised[63]},
    {"nothing", NULL, NULL},
};

static int check_bss(void) {
    for (long i = 0; i < BIG; i++)
        if (big[i] != 0) return printf("BSS DIRTY at %ld: %d\n", i, big[i]);
    big[BIG - 1] = 1;
    return big[BIG - 1] == 1 ? 0 : printf("BSS NOT WRITABLE\n");
}

static int check_data(void) {
    if (initialised[0] != 1 || initialised[2] != 3 || initialised[63] != 64) return printf("DATA WRONG\n");
    initialised[3] = 4;
    return initialised[3] == 4 ? 0 : printf("DATA NOT WRITABLE\n");
}

static int check_tls(void) {
    if (tls_value != 0x5eed) return printf("TLS WRONG: %x\n", tls_value);
    for (int i = 0; i < 33; i++)
        if (tls_zero[i] != 0) return printf("TLS DIRTY at %d: %x\n", i, tls_zero[i]);
    return 0;
}

static int check_table(void) {
    const struct row *row = rows_seen = rows;
    if (strcmp(row[0].name, "twice") != 0 || strcmp(row[1].name, "square") != 0) return printf("TABLE NAMES WRONG\n");
    if (row[0].function(21) != 42 || row[1].function(7) != 49) return printf("TABLE FUNCTIONS WRONG\n");
    if (row[0].data != &big[1] || row[1].data != &initialised[63] || row[2].data) return printf("TABLE DATA WRONG\n");
    return 0;
}

int main(void) {
    if (check_bss() || check_data() || check_tls() || check_table()) return 1;
    fputs("probe: all as linked\n", stdout); /* stdout: a copy relocation in a non-PIE */
    return 0;
}
