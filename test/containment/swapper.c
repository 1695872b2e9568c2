/*
 * Plays an ordinary user who waits for root in a directory of that user's.
 *
 *   swapper USER WATCHED A B    when something happens in WATCHED, exchange the names A and B, and back again
 *   swapper USER staging DIR B  when a staging directory or a workspace appears in DIR, move it away and put B in its place
 *   swapper USER arrival A B    give B the name A, which nothing has yet, and back again
 *
 * The delay between the event and the exchange goes from 0 to 5 ms, a little more each time. SIGTERM ends it; it then
 * prints how often it did so.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;
static unsigned long count;

static void end(int signal) {
    (void)signal;
    stop = 1;
}

static void wait_us(long us) {
    struct timespec time = {0, us * 1000};
    if (us > 0) nanosleep(&time, NULL);
}

static int exchange(const char *a, const char *b) {
    return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
}

static int is_staging(const char *name) {
    static const char *const prefixes[] = {".elfinterp-staging", ".elfinterp-repair", ".elfinterp-edit"};
    for (int i = 0; i < 3; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return 1;
    return 0;
}

static int move(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

static void take_staging(const char *path, const char *bait) {
    DIR *directory = opendir(path);
    struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char name[512];
        if (!is_staging(entry->d_name)) continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (exchange(name, bait) == 0) count++;
    }
    if (directory != NULL) closedir(directory);
}

int main(int argc, char **argv) {
    char buffer[65536];
    struct pollfd events;
    if (argc != 5) return 2;
    signal(SIGTERM, end);
    if (getuid() == 0 && (setgroups(0, NULL) != 0 || setgid(atoi(argv[1])) != 0 || setuid(atoi(argv[1])) != 0))
        return 3;
    int staging = strcmp(argv[2], "staging") == 0;
    int arrival = strcmp(argv[2], "arrival") == 0;
    events.fd = inotify_init1(IN_NONBLOCK);
    events.events = POLLIN;
    inotify_add_watch(events.fd, staging ? argv[3] : argv[2], IN_OPEN | IN_ACCESS | IN_CREATE | IN_MOVE | IN_DELETE);
    puts("ready");
    fflush(stdout);
    for (long delay = 0; !stop; delay = (delay + 137) % 5000) {
        // Sometimes act without an event: opening with O_PATH causes none.
        poll(&events, 1, 1 + delay / 1000);
        while (read(events.fd, buffer, sizeof buffer) > 0) continue;
        wait_us(delay);
        if (staging) take_staging(argv[3], argv[4]);
        else if ((arrival ? move(argv[4], argv[3]) : exchange(argv[3], argv[4])) == 0) {
            count++;
            wait_us(delay / 2);
            if (arrival) move(argv[3], argv[4]);
            else exchange(argv[3], argv[4]);
        }
    }
    printf("%lu\n", count);
    return 0;
}
