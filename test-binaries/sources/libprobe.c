/* A library with symbol versions (DT_VERDEF), a thread-local variable and zero-initialised data of its own. */
static __thread int calls = 40;
static volatile char zeros[20000];

int probe_answer(void) {
    for (int i = 0; i < (int)sizeof zeros; i++)
        if (zeros[i] != 0) return -1;
    return ++calls;
}

/* Two versions of one symbol, as a library that changed its mind has them. */
int probe_version_old(void) { return 1; }
int probe_version_new(void) { return 2; }
__asm__(".symver probe_version_old, probe_version@PROBE_1");
__asm__(".symver probe_version_new, probe_version@@PROBE_2");
