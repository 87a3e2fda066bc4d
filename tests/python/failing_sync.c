// Stands before the C library and lets fsync fail on the files whose names end with SYNC_FAULT_ON: once for each byte in the
// file that SYNC_FAULT names, as a disk does that loses what it was given. Before the sync whose number SYNC_KILL says, of any
// file, the process is killed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void may_kill(void) {
    static int syncs;
    const char *at = getenv("SYNC_KILL");
    if (at && __atomic_add_fetch(&syncs, 1, __ATOMIC_SEQ_CST) == atoi(at)) kill(getpid(), SIGKILL);
}

static int fails(int fd) {
    may_kill();
    const char *fault = getenv("SYNC_FAULT"), *end = getenv("SYNC_FAULT_ON");
    char link[64], path[4096];
    struct stat about;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    ssize_t from = length - (ssize_t)(end ? strlen(end) : 0);
    if (!fault || !end || from < 0 || memcmp(path + from, end, length - from)) return 0;
    if (stat(fault, &about) || about.st_size == 0) return 0;
    if (truncate(fault, about.st_size - 1)) return 0;
    errno = EIO;
    return 1;
}

int fsync(int fd) {
    return fails(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    return fails(fd) ? -1 : ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
