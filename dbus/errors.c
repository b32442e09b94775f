/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "errors.h"

#include <stdarg.h>
#include <stdio.h>

#define OURS(name) "org.vpcctl.Vpcd1.Error." name
#define STANDARD(name) "org.freedesktop.DBus.Error." name

static const ErrorInfo table[] = {
    [ERROR_NONE] = { "", 0, EXIT_DONE, NULL },
    [ERROR_FAILED] = { STANDARD("Failed"), EIO, EXIT_FAILED, "see 'journalctl -u vpcd' for what happened" },
    [ERROR_INVALID] = { STANDARD("InvalidArgs"), EINVAL, EXIT_USAGE, NULL },
    [ERROR_NO_SUCH_VPC] = { OURS("NoSuchVpc"), ENOENT, EXIT_NO_SUCH, "'vpcctl vpc list' shows the VPCs there are" },
    [ERROR_NO_SUCH_SUBNET] = { OURS("NoSuchSubnet"), ENOENT, EXIT_NO_SUCH, "'vpcctl subnet list' shows the subnets" },
    [ERROR_NO_SUCH_ENDPOINT] = { OURS("NoSuchEndpoint"), ENOENT, EXIT_NO_SUCH, NULL },
    [ERROR_NO_SUCH_PEERING] = { OURS("NoSuchPeering"), ENOENT, EXIT_NO_SUCH, "'vpcctl peer list' shows the peerings" },
    [ERROR_NO_SUCH_WORKLOAD] = { OURS("NoSuchWorkload"), ENOENT, EXIT_NO_SUCH, "'vpcctl deploy list' shows them" },
    [ERROR_NO_SUCH_INTERFACE] = { OURS("NoSuchInterface"), ENODEV, EXIT_USAGE, "'ip link' shows the interfaces" },
    [ERROR_EXISTS] = { OURS("Exists"), EEXIST, EXIT_CONFLICT, NULL },
    [ERROR_IN_USE] = { OURS("InUse"), EBUSY, EXIT_CONFLICT, NULL },
    [ERROR_OVERLAP] = { OURS("Overlap"), EADDRINUSE, EXIT_CONFLICT, NULL },
    [ERROR_CONFLICT] = { OURS("Conflict"), EEXIST, EXIT_CONFLICT, NULL },
    [ERROR_CHANGED] = { OURS("Changed"), ESTALE, EXIT_CONFLICT, "look again, then repeat the command" },
    [ERROR_LIMIT] = { STANDARD("LimitsExceeded"), EDQUOT, EXIT_CONFLICT, NULL },
    [ERROR_ACCESS_DENIED] = { STANDARD("AccessDenied"), EACCES, EXIT_NOT_AUTHORIZED,
            "an administrator can allow it with a polkit rule, see vpcctl(1), section AUTHORIZATION" },
    [ERROR_AUTH_TIMEOUT] = { OURS("AuthorizationTimedOut"), ETIMEDOUT, EXIT_TIMED_OUT, NULL },
    [ERROR_KERNEL] = { OURS("KernelRefused"), EIO, EXIT_FAILED, NULL },
    [ERROR_STORAGE] = { OURS("Storage"), EIO, EXIT_FAILED, "is the file system of /var/lib/vpcctl full?" },
};

_Static_assert(ELEMENTSOF(table) == _ERROR_MAX, "every error code has a row");

const ErrorInfo *error_info(ErrorCode code) {
    return &table[code < _ERROR_MAX ? code : ERROR_FAILED];
}

ErrorCode error_from_name(const char *name) {
    for (size_t i = ERROR_FAILED; i < ELEMENTSOF(table); i++)
        if (streq(table[i].name, name))
            return (ErrorCode)i;
    return ERROR_FAILED;
}

int failure_set(Failure *failure, ErrorCode code, const char *format, ...) {
    if (failure && failure->code == ERROR_NONE) {
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&failure->message, format, arguments) < 0)
            failure->message = NULL;
        va_end(arguments);
        failure->code = code;
    }
    return -error_info(code)->number;
}

void failure_clear(Failure *failure) {
    free(failure->message);
    *failure = (Failure){ 0 };
}
