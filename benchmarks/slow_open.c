/* A file system that answers slowly: each wav takes a millisecond longer to open. For LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

static void answer_slowly(const char *path) {
    const char *suffix = strrchr(path, '.');
    const struct timespec millisecond = {0, 1000000};
    if (suffix && !strcmp(suffix, ".wav")) nanosleep(&millisecond, NULL);
}

#define SLOW(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        int (*next)(const char *, int, ...) = dlsym(RTLD_NEXT, #name); \
        va_list more;                                                \
        va_start(more, flags);                                       \
        mode_t mode = va_arg(more, mode_t);                          \
        va_end(more);                                                \
        answer_slowly(path);                                         \
        return next(path, flags, mode);                              \
    }

SLOW(open)
SLOW(open64)
