/*
 * Stands in the engine's place and writes down, beside itself, what the launcher started it with:
 * record, environ, status, limits, stdio and arguments. A shell would change half of it first.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(int ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

static void keep(int from, const char *name)
{
    char buffer[65536];
    int to = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    check(from >= 0 && to >= 0, name);
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) != 0;)
        check(n > 0 && write(to, buffer, (size_t)n) == n, name);
    close(to);
}

static void keep_file(const char *path, const char *name)
{
    int from = open(path, O_RDONLY);
    keep(from, name);
    close(from);
}

int main(int argc, char **argv)
{
    char text[4096];
    /* First, while the descriptors are as they came. */
    char target[3][256] = {{0}};
    for (int fd = 0; fd < 3; fd++) {
        snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
        if (readlink(text, target[fd], sizeof target[fd] - 1) < 0)
            strcpy(target[fd], "closed");
    }
    ssize_t length = readlink("/proc/self/exe", text, sizeof text - 1);
    check(length > 0, "readlink");
    text[length] = 0;
    *strrchr(text, '/') = 0;
    check(chdir(text) == 0, text);

    keep(argc > 1 ? atoi(argv[1]) : -1, "record");
    keep_file("/proc/self/environ", "environ");
    keep_file("/proc/self/status", "status");
    keep_file("/proc/self/limits", "limits");

    FILE *stdio = fopen("stdio", "w");
    check(stdio != NULL, "stdio");
    for (int fd = 0; fd < 3; fd++)
        fprintf(stdio, "%s\n", target[fd]);
    check(fclose(stdio) == 0, "stdio");

    FILE *arguments = fopen("arguments", "w");
    check(arguments != NULL, "arguments");
    for (int i = 0; i < argc; i++)
        fwrite(argv[i], strlen(argv[i]) + 1, 1, arguments);
    check(fclose(arguments) == 0, "arguments");
    return 0;
}
