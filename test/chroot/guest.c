/* A program for the tests: does what its arguments say, one after the other. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

/* A stream may be in use when the signal arrives: its buffer would be written twice, or its lock never released. */
static void on_signal(int number) {
  char said[32];
  int length = snprintf(said, sizeof said, "signal %d\n", number);
  if (write(1, said, length) != length) _exit(1);
  _exit(50 + number);
}

static void cat(const char *path) {
  char buffer[4096];
  size_t length;
  FILE *file = path ? fopen(path, "r") : stdin;
  if (!file) {
    printf("%s: %s\n", path, strerror(errno));
    return;
  }
  while ((length = fread(buffer, 1, sizeof buffer, file)) > 0) fwrite(buffer, 1, length, stdout);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    const char *next = i + 1 < argc ? argv[i + 1] : "";
    if (!strcmp(argv[i], "uname")) {
      struct utsname name;
      uname(&name);
      puts(name.machine);
    } else if (!strcmp(argv[i], "argv0")) {
      printf("%s of %d\n", argv[0], argc);
    } else if (!strcmp(argv[i], "env")) {
      for (char **variable = environ; *variable; variable++) puts(*variable);
    } else if (!strcmp(argv[i], "cwd")) {
      char path[4096];
      puts(getcwd(path, sizeof path));
    } else if (!strcmp(argv[i], "id")) {
      printf("%d %d\n", (int)getuid(), (int)getgid());
    } else if (!strcmp(argv[i], "euid")) {
      printf("%d\n", (int)geteuid());
    } else if (!strcmp(argv[i], "setuid")) {
      if (setuid(atoi(next)) != 0) printf("setuid: %s\n", strerror(errno));
      i++;
    } else if (!strcmp(argv[i], "tty")) {
      /* Not ttyname(3): since glibc 2.42 it uses an ioctl(2) that older emulators do not implement. */
      char path[4096];
      struct stat opened, named;
      ssize_t length = readlink("/proc/self/fd/0", path, sizeof path - 1);
      path[length < 0 ? 0 : length] = 0;
      if (length < 0 || fstat(0, &opened) != 0 || stat(path, &named) != 0)
        puts(strerror(errno));
      else
        puts(S_ISCHR(named.st_mode) && opened.st_rdev == named.st_rdev ? path : "another file");
    } else if (!strcmp(argv[i], "descriptors")) {
      for (int fd = 3; fd < 256; fd++) {
        char link[64], path[4096];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path);
        if (length >= 0) printf("%d %.*s\n", fd, (int)length, path);
      }
    } else if (!strcmp(argv[i], "type")) {
      for (const char *c = next; *c; c++)
        if (ioctl(0, TIOCSTI, c) != 0) printf("type: %s\n", strerror(errno));
      i++;
    } else if (!strcmp(argv[i], "stdin")) {
      cat(NULL);
    } else if (!strcmp(argv[i], "cat")) {
      cat(next), i++;
    } else if (!strcmp(argv[i], "chown")) {
      printf("chown: %s\n", chown(next, 1, 1) == 0 ? "done" : strerror(errno)), i++;
    } else if (!strcmp(argv[i], "err")) {
      fprintf(stderr, "%s\n", next), i++;
    } else if (!strcmp(argv[i], "exit")) {
      return atoi(next);
    } else if (!strcmp(argv[i], "kill")) {
      kill(getpid(), atoi(next)), i++;
    } else if (!strcmp(argv[i], "trap")) {
      signal(atoi(next), on_signal), i++;
    } else if (!strcmp(argv[i], "fork")) {
      if (fork() == 0) setsid(), sleep(600);
    } else if (!strcmp(argv[i], "sleep")) {
      fflush(stdout), sleep(atoi(next)), i++;
    } else if (!strcmp(argv[i], "exec")) {
      fflush(stdout);
      execv(next, argv + i + 2);
      printf("%s: %s\n", next, strerror(errno));
      return 126;
    }
    fflush(stdout);
  }
  return 0;
}
