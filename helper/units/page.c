/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page that a web server shows when it was given nothing to serve. */

#include "units/private.h"

#include "core/ident.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define PAGE_DIRECTORY "/run/vpcctl/www"

static void put_html(FILE *file, const char *text) {
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default:
            fputc(*text, file);
        }
}

static int make_directory(const char *path) {
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return -errno;
    return chmod(path, 0755) < 0 ? -errno : 0; /* vpcd's umask is tight; others must read the page */
}

static void page_remove(const char *directory) {
    _cleanup_free_ char *file = NULL;

    if (asprintf(&file, "%s/index.html", directory) >= 0)
        (void)unlink(file);
    (void)rmdir(directory);
}

/* Only root can write where it is made, so no link can be in the way. */
int page_write(const Vpc *vpc, const Subnet *subnet, const Endpoint *endpoint, const Workload *workload,
        const char *address, char **ret) {
    _cleanup_free_ char *directory = NULL, *path = NULL;
    FILE *file;
    int r;

    if (asprintf(&directory, PAGE_DIRECTORY "/%s.%s.%s.%s", vpc->name, subnet->name, endpoint->name, workload->name) <
            0)
        directory = NULL;
    if (!directory || asprintf(&path, "%s/index.html", directory) < 0)
        path = NULL;
    if (!path)
        return -ENOMEM;

    r = make_directory(PAGE_DIRECTORY);
    if (r >= 0)
        r = make_directory(directory);
    if (r < 0)
        return r;

    file = fopen(path, "we");
    if (!file)
        return -errno;
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>", file);
    put_html(file, vpc->name);
    fputc('/', file);
    put_html(file, subnet->name);
    fputs("</title></head>\n<body>\n<h1>Hello from ", file);
    put_html(file, vpc->name);
    fputc('/', file);
    put_html(file, subnet->name);
    fputs("</h1>\n<p>This is the web server \"", file);
    put_html(file, workload->name);
    fputs("\" at ", file);
    put_html(file, address);
    fputs(".</p>\n</body>\n</html>\n", file);
    r = ferror(file) || fchmod(fileno(file), 0644) < 0 ? -EIO : 0;
    if (fclose(file) != 0)
        r = -EIO;
    if (r < 0) {
        page_remove(directory);
        return r;
    }
    *ret = TAKE_PTR(directory);
    return 0;
}

/* Whether the unit is the one, or a slice around the one, that serves the page of that name. */
static bool page_belongs(const char *page, const char *unit) {
    _cleanup_free_ char *copy = strdup(page), *service = NULL, *inner = NULL, *outer = NULL;
    char *rest = copy, *part[4];

    for (size_t i = 0; i < ELEMENTSOF(part); i++) {
        part[i] = rest ? strsep(&rest, ".") : NULL;
        if (!part[i])
            return false;
    }
    service = unit_workload(part[0], part[1], part[2], part[3]);
    inner = unit_slice_subnet(part[0], part[1]);
    outer = unit_slice_vpc(part[0]);
    return streq_null(service, unit) || streq_null(inner, unit) || streq_null(outer, unit);
}

void pages_forget(const Job *jobs, size_t n_jobs) {
    DIR *directory = opendir(PAGE_DIRECTORY);
    const struct dirent *entry;

    if (!directory)
        return;
    while ((entry = readdir(directory)))
        for (size_t i = 0; i < n_jobs; i++)
            if (page_belongs(entry->d_name, jobs[i].unit)) {
                _cleanup_free_ char *path = NULL;

                if (asprintf(&path, PAGE_DIRECTORY "/%s", entry->d_name) >= 0)
                    page_remove(path);
                break;
            }
    closedir(directory);
    (void)rmdir(PAGE_DIRECTORY); /* once it is empty */
}
