/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"

#include "core/util.h"

#include <json-c/json.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#define LIMIT_MAX 1000000

static unsigned *limit_of_key(Limits *limits, const char *key) {
    const struct {
        const char *key;
        unsigned *limit;
    } keys[] = {
        { "calls-per-user", &limits->calls_per_user },
        { "prompts-per-user", &limits->prompts_per_user },
        { "vpcs-per-user", &limits->vpcs_per_user },
        { "subnets-per-vpc", &limits->subnets_per_vpc },
        { "peerings-per-vpc", &limits->peerings_per_vpc },
        { "workloads-per-user", &limits->workloads_per_user },
        { "execs-per-user", &limits->execs_per_user },
    };

    for (size_t i = 0; i < ELEMENTSOF(keys); i++)
        if (streq(keys[i].key, key))
            return keys[i].limit;
    return NULL;
}

void config_load(const char *path, Limits *limits) {
    struct json_object *file, *table;

    if (access(path, F_OK) < 0 && errno == ENOENT)
        return;
    file = json_object_from_file(path);
    if (!json_object_is_type(file, json_type_object)) {
        sd_journal_print(LOG_WARNING, "%s: not a JSON object; the defaults hold", path);
        json_object_put(file);
        return;
    }
    json_object_object_foreach(file, section, ignored) {
        (void)ignored;
        if (!streq(section, "limits"))
            sd_journal_print(LOG_WARNING, "%s: '%s' is not known; there is 'limits'", path, section);
    }
    if (json_object_object_get_ex(file, "limits", &table) && json_object_is_type(table, json_type_object)) {
        json_object_object_foreach(table, key, value) {
            unsigned *limit = limit_of_key(limits, key);
            int64_t number = json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;

            if (limit && number >= 0 && number <= LIMIT_MAX)
                *limit = (unsigned)number;
            else
                sd_journal_print(LOG_WARNING, "%s: limit '%s' is not known, or not a number of 0 to %d", path, key,
                        LIMIT_MAX);
        }
    }
    json_object_put(file);
}
