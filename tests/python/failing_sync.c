// Stands before the C library and lets fsync fail on the database's log: once for each byte in the file that SYNC_FAULT
// names, as a disk does that loses what it was given.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fails(int fd) {
    const char *fault = getenv("SYNC_FAULT");
    char link[64], path[4096];
    struct stat about;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (!fault || length < 4 || memcmp(path + length - 4, "-wal", 4)) return 0;
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
