/*
 * Plays somebody who changes a root while it is in use.
 *
 *   racer swap A B              exchange two names, as fast as possible
 *   racer staging ROOT TARGET   replace every staging directory that appears by a link to TARGET
 *
 * SIGTERM ends it; it then prints how often it did so.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static unsigned long count;

static void end(int signal) {
    (void)signal;
    stop = 1;
}

/* From a microsecond to 65 milliseconds: some commands are disturbed at every step, some only once and late. */
static void pause_a_little(void) {
    struct timespec time = {0, 1000L << (random() % 17)};
    nanosleep(&time, NULL);
}

static void take_staging(const char *root, const char *target) {
    DIR *directory = opendir(root);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char name[512], aside[512];
        if (strncmp(entry->d_name, ".elfinterp-staging-", 19) != 0 || entry->d_type == DT_LNK) continue;
        if (strstr(entry->d_name, "taken") != NULL) continue;
        snprintf(name, sizeof name, "%s/%s", root, entry->d_name);
        snprintf(aside, sizeof aside, "%s/taken-%lu", root, count);
        if (rename(name, aside) == 0 && symlink(target, name) == 0) count++;
    }
    if (directory != NULL) closedir(directory);
}

int main(int argc, char **argv) {
    signal(SIGTERM, end);
    if (argc != 4) return 2;
    while (!stop) {
        if (strcmp(argv[1], "staging") == 0) take_staging(argv[2], argv[3]);
        else if (renameat2(AT_FDCWD, argv[2], AT_FDCWD, argv[3], RENAME_EXCHANGE) == 0) count++;
        pause_a_little();
    }
    printf("%lu\n", count);
    return 0;
}
