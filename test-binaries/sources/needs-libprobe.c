/* Needs libprobe.so.1, with a symbol version, from the directory that its RPATH or RUNPATH names. */
#include <stdio.h>

int probe_answer(void);
int probe_version(void);

int main(void) {
    int answer = probe_answer() + probe_answer(), version = probe_version();
    printf("needs-libprobe: %d, version %d\n", answer, version);
    return answer == 83 && version == 2 ? 0 : 1;
}
