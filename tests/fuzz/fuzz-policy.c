/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A policy file: whatever is taken is written again as a file of the same meaning. */

#include "fuzz.h"

#include "policy.h"

static bool same_meaning(const Firewall *a, const Firewall *b) {
    static const uint8_t protocols[] = { 1, 6, 17, 58, 132 };
    static const uint16_t ports[] = { 0, 1, 80, 8080, 65535 };
    Address peers[] = { { AF_INET, { 10, 0, 0, 1 } }, { AF_INET, { 192, 168, 0, 1 } }, { AF_INET6, { 0xfd } } };

    /* What the rules themselves name, too. */
    for (size_t i = 0; i <= a->n_rules && i <= 20; i++)
        for (int direction = 0; direction < _DIRECTION_MAX; direction++)
            for (size_t j = 0; j < ELEMENTSOF(protocols); j++) {
                const Rule *rule = i < a->n_rules ? &a->rules[i] : NULL;
                Address *peer = &peers[i % ELEMENTSOF(peers)];
                uint16_t port = rule ? rule->port_last : ports[j];

                if (rule && rule->peer.address.family != AF_UNSPEC)
                    *peer = cidr_last(&rule->peer);
                if (firewall_verdict(a, (Direction)direction, protocols[j], peer, port) !=
                        firewall_verdict(b, (Direction)direction, protocols[j], peer, port))
                    return false;
            }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_failure_ Failure failure = { 0 }, failure_again = { 0 };
    _cleanup_policy_ Policy policy = { 0 }, again = { 0 };
    int r = policy_parse((const char *)data, size, &policy, &failure);

    CHECK((r == 0) == (failure.code == ERROR_NONE));
    if (r < 0) {
        CHECK(failure.message && !policy.firewall);
        return 0;
    }
    json_object *json = policy_format(policy.firewall, policy.has_subnet ? &policy.subnet : NULL);
    CHECK(json);
    const char *text = json_object_to_json_string(json);
    r = policy_parse(text, strlen(text), &again, &failure_again);
    if (r < 0)
        fprintf(stderr, "%s\n%s\n", text, failure_again.message);
    CHECK(r == 0);
    CHECK(policy.has_subnet == again.has_subnet && (!policy.has_subnet || cidr_equal(&policy.subnet, &again.subnet)));
    CHECK(same_meaning(policy.firewall, again.firewall));
    CHECK(same_meaning(again.firewall, policy.firewall));
    json_object_put(json);
    return 0;
}
