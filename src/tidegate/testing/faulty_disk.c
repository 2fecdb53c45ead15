/* A disk that fails on demand, put between a program and the C library (LD_PRELOAD).
 *
 * For each watched file it keeps, in a directory of its own, what would be on the disk if power went
 * now: the file's content at its last sync that succeeded. A sync that fails forgets what was
 * written since, as kernels do: later syncs succeed without those bytes. See faulty_disk.py.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_BYTES 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char under[PATH_BYTES], durable[PATH_BYTES];
static long fail_write, fail_sync, cut_at, writes, syncs;
static int fail_errno;

struct extent {
    uint64_t offset, size;
};

void faulty_disk_arm(const char *directory, const char *image, long nth_write, long nth_sync,
                     long nth_operation, int error)
{
    snprintf(under, sizeof under, "%s/", directory);
    snprintf(durable, sizeof durable, "%s", image);
    fail_write = nth_write;
    fail_sync = nth_sync;
    cut_at = nth_operation;
    fail_errno = error;
    writes = syncs = 0;
}

long faulty_disk_writes(void) { return writes; }

long faulty_disk_syncs(void) { return syncs; }

/* 0: not watched, 1: a file, 2: a directory. The image's path, without an ending, goes to `image`. */
static int watched(int fd, char *image)
{
    char link[64], path[PATH_BYTES];
    struct stat status;
    if (!under[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size < 0 || fstat(fd, &status))
        return 0;
    path[size] = 0;
    size_t length = strlen(under);
    if (S_ISDIR(status.st_mode))
        return strncmp(path, under, length - 1) == 0 ? 2 : 0;
    if (!S_ISREG(status.st_mode) || strncmp(path, under, length))
        return 0;
    const char *ending = strrchr(path, '-');
    if ((ending && !strcmp(ending, "-shm")) || strstr(path, ".lock") || strstr(path, ".unsafe"))
        return 0; /* never synced by design: rebuilt, or of this moment only */
    if (strchr(path + length, '/'))
        return 0;
    snprintf(image, 2 * PATH_BYTES, "%s/%s", durable, path + length);
    return 1;
}

static void count(void)
{
    if (cut_at && writes + syncs == cut_at)
        _exit(137); /* the power goes before this operation takes effect */
}

static void remember(const char *image, uint64_t offset, uint64_t size)
{
    char path[2 * PATH_BYTES + 16];
    struct extent extent = {offset, size};
    snprintf(path, sizeof path, "%s.dirty", image);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    syscall(SYS_write, fd, &extent, sizeof extent);
    syscall(SYS_close, fd);
}

/* What was written since the last sync reaches the disk (`keep`), or is lost without a trace. */
static void settle(int fd, const char *image, int keep)
{
    static char buffer[1 << 20];
    char path[2 * PATH_BYTES + 16];
    struct extent extent;
    struct stat status;
    snprintf(path, sizeof path, "%s.dirty", image);
    int list = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    int disk = (int)syscall(SYS_openat, AT_FDCWD, image, O_WRONLY | O_CREAT, 0600);
    while (keep && list >= 0 && syscall(SYS_read, list, &extent, sizeof extent) == sizeof extent)
        while (extent.size) {
            size_t piece = extent.size < sizeof buffer ? extent.size : sizeof buffer;
            ssize_t got = pread(fd, buffer, piece, (off_t)extent.offset);
            if (got <= 0)
                break;
            syscall(SYS_pwrite64, disk, buffer, got, extent.offset);
            extent.offset += (uint64_t)got;
            extent.size -= (uint64_t)got;
        }
    if (keep && !fstat(fd, &status))
        syscall(SYS_ftruncate, disk, status.st_size);
    syscall(SYS_close, disk);
    if (list >= 0)
        syscall(SYS_close, list);
    unlink(path);
}

static ssize_t do_write(int fd, const void *data, size_t size, off_t offset, int at)
{
    char image[2 * PATH_BYTES];
    pthread_mutex_lock(&lock);
    int kind = watched(fd, image);
    if (kind == 1) {
        writes++;
        count();
        if (fail_write && writes >= fail_write && (fail_errno != ENOSPC || writes < fail_write + 3)) {
            pthread_mutex_unlock(&lock);
            errno = fail_errno;
            return -1;
        }
        if (!at)
            offset = lseek(fd, 0, SEEK_CUR);
    }
    ssize_t done = at ? syscall(SYS_pwrite64, fd, data, size, offset)
                      : syscall(SYS_write, fd, data, size);
    if (kind == 1 && done > 0)
        remember(image, (uint64_t)offset, (uint64_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *data, size_t size) { return do_write(fd, data, size, 0, 0); }

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return do_write(fd, data, size, offset, 1);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    return do_write(fd, data, size, offset, 1);
}

static int do_sync(int fd, long number)
{
    char image[2 * PATH_BYTES];
    pthread_mutex_lock(&lock);
    int kind = watched(fd, image);
    if (!kind) {
        pthread_mutex_unlock(&lock);
        return (int)syscall(number, fd);
    }
    syncs++;
    count();
    int failed = fail_sync && syncs == fail_sync;
    if (kind == 1)
        settle(fd, image, !failed);
    pthread_mutex_unlock(&lock);
    if (failed)
        errno = EIO;
    return failed ? -1 : 0;
}

int fsync(int fd) { return do_sync(fd, SYS_fsync); }

int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }
