/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The error table: one name for each code, and back. */

#include "fixture.h"

static void test_names(void) {
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (int code = ERROR_FAILED; code < _ERROR_MAX; code++) {
        const ErrorInfo *info = error_info((ErrorCode)code);

        g_assert_cmpint(error_from_name(info->name), ==, code);
        g_assert_true(g_str_has_prefix(info->name, "org.vpcctl.Vpcd1.Error.") ||
                g_str_has_prefix(info->name, "org.freedesktop.DBus.Error."));
        g_assert_cmpint(info->number, >, 0);
        g_assert_cmpint(info->exit_status, >=, EXIT_FAILED);
        g_assert_cmpint(info->exit_status, <=, EXIT_TIMED_OUT);
        if (!g_hash_table_add(seen, g_strdup(info->name)))
            g_error("%s is there twice", info->name);
    }
}

static void test_unknown(void) {
    static const char *const names[] = { "", "org.vpcctl.Vpcd1.Error.", "org.vpcctl.Vpcd1.Error.Nothing", "Failed",
        "org.freedesktop.DBus.Error.NoReply", "org.vpcctl.Vpcd1.Error.NoSuchVpc " };

    for (size_t i = 0; i < ELEMENTSOF(names); i++)
        g_assert_cmpint(error_from_name(names[i]), ==, ERROR_FAILED);
    g_assert_true(error_info(_ERROR_MAX) == error_info(ERROR_FAILED));
    g_assert_true(error_info((ErrorCode)12345) == error_info(ERROR_FAILED));
}

static void test_failure(void) {
    _cleanup_failure_ Failure failure = { 0 };

    g_assert_cmpint(failure_set(NULL, ERROR_EXISTS, "unheard"), ==, -EEXIST);
    g_assert_cmpint(failure_set(&failure, ERROR_OVERLAP, "%s and %d", "one", 2), ==, -EADDRINUSE);
    g_assert_cmpstr(failure.message, ==, "one and 2");
    /* The first cause wins, and each caller still gets its own errno. */
    g_assert_cmpint(failure_set(&failure, ERROR_INVALID, "a later one"), ==, -EINVAL);
    g_assert_cmpstr(failure.message, ==, "one and 2");
    g_assert_cmpint(failure.code, ==, ERROR_OVERLAP);
    failure_clear(&failure);
    g_assert_null(failure.message);
    g_assert_cmpint(failure.code, ==, ERROR_NONE);
}

int main(int argc, char **argv) {
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/errors/names", test_names);
    g_test_add_func("/errors/unknown", test_unknown);
    g_test_add_func("/errors/failure", test_failure);
    return g_test_run();
}
